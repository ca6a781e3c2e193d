#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion on drawn faces: distill a diffusion model, fine-tune on few labels, compare.

Per seed it runs three configs of configs/repfusion: distill_toyfaces_r18.py (no labels),
toyfaces_r18.py (few labels, from the distilled backbone) and toyfaces_r18_scratch.py (the same
labels and budget from random weights), then tests both students on 500 new faces.
"""

import argparse
import csv
import time
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.config_path import get_config_path
from mmdiffrep.utils.hook_configs import find_hooks
from mmdiffrep.visualization import draw_segmentation_grid

NUM_PICTURES = 6


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--distill', default='repfusion/distill_toyfaces_r18.py')
    parser.add_argument('--finetune', default='repfusion/toyfaces_r18.py')
    parser.add_argument('--scratch', default='repfusion/toyfaces_r18_scratch.py')
    add_cfg_options(parser, 'the config of every stage')
    return parser.parse_args()


def train(
    config: str,
    work_dir: Path,
    seed: int,
    options: dict | None,
    checkpoint: str | None = None,
) -> Runner:
    """Train one config and return its runner."""
    cfg = Config.fromfile(get_config_path(config))
    cfg.merge_from_dict(options or {})
    cfg.work_dir = str(work_dir)
    cfg.randomness = dict(seed=seed)
    cfg.experiment_name = f'{work_dir.name}_{time.time_ns()}'
    for hook in find_hooks(cfg, 'RepFusionHook').values():
        hook.seed = seed
    if checkpoint is not None:
        cfg.model.backbone.init_cfg.checkpoint = checkpoint
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def predict(runner: Runner, count: int) -> dict[str, list[np.ndarray]]:
    """Segment the first test images: RGB images, true and predicted label maps."""
    dataset = runner.test_dataloader.dataset
    items = [dataset[index] for index in range(count)]
    batch = dict(
        inputs=[item['inputs'] for item in items],
        data_samples=[item['data_samples'] for item in items],
    )
    runner.model.eval()
    results = runner.model.test_step(batch)
    return dict(
        images=[item['inputs'].numpy()[::-1].transpose(1, 2, 0) for item in items],
        truth=[item['data_samples'].gt_sem_seg.data[0].numpy() for item in items],
        prediction=[result.pred_sem_seg.data[0].cpu().numpy() for result in results],
    )


def main() -> None:
    """Run all stages for every seed, print the table and draw the picture."""
    args = parse_args()
    console = Console()
    started = time.monotonic()
    scores: dict[str, list[float]] = {'scratch': [], 'RepFusion': []}
    predictions: dict[str, dict[str, list[np.ndarray]]] = {}
    palette: list[list[int]] = []
    for seed in args.seeds:
        folder = args.work_dir / f'seed{seed}'
        console.rule(f'seed {seed}: distill the diffusion model into ResNet-18 (no labels)')
        distilled = train(args.distill, folder / 'distill', seed, args.cfg_options)
        checkpoint = (folder / 'distill' / 'last_checkpoint').read_text()
        del distilled
        for name, config in (('scratch', args.scratch), ('RepFusion', args.finetune)):
            console.rule(f'seed {seed}: fine-tune on labeled faces ({name})')
            start = checkpoint if name == 'RepFusion' else None
            runner = train(config, folder / name, seed, args.cfg_options, checkpoint=start)
            scores[name].append(float(runner.test()['mIoU']))
            if name not in predictions:
                predictions[name] = predict(runner, NUM_PICTURES)
                palette = runner.test_dataloader.dataset.metainfo['palette']
    report(console, scores, args)
    picture = args.work_dir / 'comparison.png'
    draw_segmentation_grid(
        picture,
        predictions['scratch']['images'],
        {
            'ground truth': predictions['scratch']['truth'],
            'scratch': predictions['scratch']['prediction'],
            'RepFusion': predictions['RepFusion']['prediction'],
        },
        palette,
    )
    minutes = (time.monotonic() - started) / 60
    console.print(f'Picture: {picture}. The whole took {minutes:.1f} minutes.')


def report(console: Console, scores: dict[str, list[float]], args: argparse.Namespace) -> None:
    """Print the table and write it as CSV, one row per student and seed."""
    table = Table(title='Test mIoU in %, same student, labels and fine-tuning budget')
    table.add_column('student')
    for seed in args.seeds:
        table.add_column(f'seed {seed}', justify='right')
    if len(args.seeds) > 1:
        table.add_column('mean ± std', justify='right')
    with open(args.work_dir / 'scores.csv', 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['student', 'seed', 'mIoU'])
        for name, values in scores.items():
            cells = [f'{value:.2f}' for value in values]
            if len(values) > 1:
                cells.append(f'{mean(values):.2f} ± {stdev(values):.2f}')
            table.add_row(name, *cells)
            writer.writerows([name, seed, f'{v:.2f}'] for seed, v in zip(args.seeds, values))
    console.print(table)


if __name__ == '__main__':
    main()
