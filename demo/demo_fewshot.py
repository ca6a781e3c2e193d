#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Segmentation from 20 labeled faces: DDPM-Seg and three CNNs that see the same labels.

Every repeat draws 20 labeled images and runs four configs of configs/ddpm_seg: DDPM-Seg, the same
head on a ResNet-18 with random weights, a ResNet-18 trained end to end, and the same head on that
one. It prints the table of test mIoU and draws the first test images.

    python demo/demo_fewshot.py                                  # drawn faces, one repeat
    python demo/demo_fewshot.py --data celebamask_64 --repeats 5 # photographs

Run again, the same command continues where it was stopped.
"""

import argparse
import csv
import io
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from rich.console import Console
from rich.table import Table

from mmdiffrep.apis import SegmentationInferencer
from mmdiffrep.apis.repeat_splits import config_of_repeat, run_repeat
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.checkpoint_io import register_safe_loader
from mmdiffrep.utils.config_path import get_config_path
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint
from mmdiffrep.visualization import draw_segmentation_grid, draw_uncertainty

NUM_PICTURES = 6
TEST_IMAGES = {'toyfaces_64': 120, 'celebamask_64': 100}


class Method(NamedTuple):
    """A row of the table.

    Attributes:
        title: Its name in the table.
        config: Suffix of the config's name, after that of the data.
        start: The method whose checkpoint initializes the backbone.
    """

    title: str
    config: str
    start: str | None = None


METHODS = (
    Method('DDPM-Seg', 'fewshot'),
    Method('same head, random CNN', 'fewshot_random_cnn'),
    Method('CNN, end to end', 'fewshot_r18'),
    Method('same head, that CNN', 'fewshot_trained_cnn', start='fewshot_r18'),
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--data', choices=sorted(TEST_IMAGES), default='toyfaces_64')
    add('--repeats', type=int, default=1, help='random draws of the labeled images (%(default)s)')
    add('--work-dir', type=Path, help='default: work_dirs/fewshot_<data>')
    add_cfg_options(parser, 'all configs')
    args = parser.parse_args(argv)
    if args.repeats < 1:
        parser.error(f'--repeats must be at least 1, got {args.repeats}')
    args.work_dir = args.work_dir or Path('work_dirs') / f'fewshot_{args.data}'
    return args


def config_of(
    method: Method, data: str, repeat: int, work_dir: Path, options: dict[str, Any] | None
) -> Config:
    """Return the config of a method in one repeat, with the checkpoint it starts from."""
    cfg = Config.fromfile(get_config_path(f'ddpm_seg/{data}_{method.config}.py'))
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None  # no choice depends on it
    cfg.test_dataloader.dataset.indices = TEST_IMAGES[data]
    cfg.merge_from_dict(options or {})
    if method.start is not None:
        start = work_dir / method.start / f'repeat_{repeat}'
        cfg.model.backbone.backbone.init_cfg.checkpoint = find_resume_checkpoint(start)
    return config_of_repeat(cfg, repeat, work_dir / method.config)


def segment(cfg: Config, count: int) -> dict[str, list[Any]]:
    """Segment the first test images: RGB images, true and predicted labels, uncertainty."""
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
    items = [dataset[index] for index in range(min(count, len(dataset)))]
    images = [item['inputs'].numpy()[::-1].transpose(1, 2, 0) for item in items]
    inferencer = SegmentationInferencer(cfg, find_resume_checkpoint(cfg.work_dir))
    results = [inferencer(np.ascontiguousarray(image)) for image in images]
    return dict(
        images=images,
        truth=[item['data_samples'].gt_sem_seg.data[0].numpy() for item in items],
        labels=[result.labels for result in results],
        uncertainty=[result.uncertainty for result in results],
        palette=inferencer.palette,
    )


def report(scores: dict[str, list[dict[str, float]]], work_dir: Path) -> Table:
    """Return the table, also written as CSV with a row for each method and repeat."""
    repeats = len(next(iter(scores.values())))
    table = Table(title=f'Test mIoU in %, 20 labeled images, {repeats} random draw(s)')
    table.add_column('method')
    for repeat in range(repeats):
        table.add_column(f'draw {repeat}', justify='right')
    if repeats > 1:
        table.add_column('mean ± std', justify='right')
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(['method', 'repeat', 'mIoU'])
    for title, results in scores.items():
        values = [metrics['mIoU'] for metrics in results]
        cells = [f'{value:.2f}' for value in values]
        if repeats > 1:
            cells.append(f'{mean(values):.2f} ± {stdev(values):.2f}')
        table.add_row(title, *cells)
        writer.writerows([title, repeat, f'{value:.2f}'] for repeat, value in enumerate(values))
    write_atomically(text.getvalue().encode(), work_dir / 'scores.csv')
    return table


def draw(args: argparse.Namespace, path: Path) -> None:
    """Draw the predictions of the first repeat for the first test images."""
    columns: dict[str, list[np.ndarray]] = {}
    for method in METHODS:
        cfg = config_of(method, args.data, 0, args.work_dir, args.cfg_options)
        seen = segment(cfg, NUM_PICTURES)
        columns.setdefault('ground truth', seen['truth'])
        columns[method.title.replace(', ', ',\n')] = seen['labels']
        if method.config == 'fewshot':
            columns['its uncertainty'] = [
                draw_uncertainty(values) for values in seen['uncertainty']
            ]
    draw_segmentation_grid(path, seen['images'], columns, seen['palette'])


def main(argv: list[str] | None = None) -> None:
    """Run all methods in every repeat, print the table and draw the picture."""
    args = parse_args(argv)
    register_safe_loader()
    console = Console()
    started = time.monotonic()
    scores: dict[str, list[dict[str, float]]] = {method.title: [] for method in METHODS}
    for repeat in range(args.repeats):
        for method in METHODS:
            console.rule(f'draw {repeat}: {method.title}')
            cfg = config_of(method, args.data, repeat, args.work_dir, args.cfg_options)
            scores[method.title].append(run_repeat(cfg))
    console.print(report(scores, args.work_dir))
    picture = args.work_dir / 'comparison.png'
    draw(args, picture)
    minutes = (time.monotonic() - started) / 60
    console.print(f'Picture: {picture}. The whole took {minutes:.1f} minutes.')


if __name__ == '__main__':
    main()
