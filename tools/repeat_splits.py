#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train and test a few-shot config on several random splits; print mean ± std of its metrics.

With a handful of labelled images, which ones they are decides as much as the method does. Repeat r
sets `repeat` of the config's data sets to r, so that the labelled images are drawn anew, and the
seed to r. The published split (`repeat=None`) is a run of tools/train.py.

    python tools/repeat_splits.py configs/ddpm_seg/toyfaces_64_fewshot.py --repeats 5
    python tools/repeat_splits.py configs/ddpm_seg/cat_15_adm_256.py --cfg-options \
        train_dataloader.dataset.num_images=10

Everything is in WORK_DIR/repeat_R; metrics in its metrics.json, the table in WORK_DIR/table.md.
Started again, the same command goes on where it was stopped.
"""

import argparse
import copy
import hashlib
import json
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Dict, Iterator, List, Optional

from mmengine.config import Config
from mmengine.dist import is_main_process

from mmdiffrep.cli.run_config import add_run_arguments, build_runner, load_config
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.dist import close_dist

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def nodes_with_repeat(node: Any) -> Iterator[Dict[str, Any]]:
    """All data sets below a part of a config that can be drawn anew.

    They have the key `repeat`; DDPMSegDataset without it counts, too: if only the training images
    were drawn anew, some of them would be test images.
    """
    if isinstance(node, dict):
        if 'repeat' in node or str(node.get('type')).endswith('DDPMSegDataset'):
            yield node
        node = list(node.values())
    for child in node if isinstance(node, (list, tuple)) else ():
        yield from nodes_with_repeat(child)


def config_of_repeat(cfg: Config, repeat: int, work_dir: Path) -> Config:
    """The config of one repeat.

    Raises:
        ValueError: The training data set has no `repeat`.
    """
    if not any(nodes_with_repeat(cfg.train_dataloader)):
        raise ValueError(
            f'{cfg.filename}: no data set of train_dataloader has a key `repeat`; use '
            'mmdiffrep.DDPMSegDataset, or wrap the data set in mmdiffrep.FewShotSubset, and write '
            'repeat=None there'
        )
    cfg = copy.deepcopy(cfg)
    for loader in LOADERS:
        for node in nodes_with_repeat(cfg.get(loader)):
            node['repeat'] = repeat
    cfg.randomness = {**cfg.get('randomness', {}), 'seed': repeat}
    cfg.work_dir = str(work_dir / f'repeat_{repeat}')
    cfg.resume = True
    return cfg


def run_repeat(cfg: Config) -> Dict[str, float]:
    """Trains and tests one repeat, unless its metrics are there already.

    Raises:
        ValueError: The metrics that are there are those of another config.
    """
    file = Path(cfg.work_dir) / 'metrics.json'
    content = {key: value for key, value in cfg.to_dict().items() if key != 'launcher'}
    key = hashlib.sha256(repr(content).encode()).hexdigest()[:16]
    if file.is_file():
        found = json.loads(file.read_text())
        if found['config'] != key:
            raise ValueError(f'{file} is of another config or other options: give another work dir')
        return found['metrics']
    # Names of their own: mmengine's logger and visualizer are one for each name in a process.
    cfg.experiment_name = f'{Path(cfg.filename).stem}_{time.time_ns()}'
    cfg.visualizer.name = cfg.experiment_name
    runner = build_runner(cfg)
    runner.train()
    metrics = {name: float(value) for name, value in runner.test().items()}
    if is_main_process():
        write_atomically(json.dumps(dict(config=key, metrics=metrics)).encode(), file)
    return metrics


def table(results: List[Dict[str, float]]) -> str:
    """A table in Markdown: a line a metric, its mean, its deviation (n - 1), and all values."""
    lines = [f'| metric | mean ± std, n = {len(results)} | each |', '| --- | --- | --- |']
    for name in results[0]:
        values = [one[name] for one in results]
        spread = stdev(values) if len(values) > 1 else 0.0
        each = ', '.join(f'{value:.4g}' for value in values)
        lines.append(f'| {name} | {mean(values):.4g} ± {spread:.2g} | {each} |')
    return '\n'.join(lines) + '\n'


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file, or the name of one that comes with mmdiffrep')
    parser.add_argument('--repeats', type=int, default=5, help='how many (%(default)s)')
    add_run_arguments(parser)
    args = parser.parse_args(argv)
    if args.repeats < 1:
        parser.error(f'--repeats must be at least 1, got {args.repeats}')
    try:
        cfg = load_config(args)
        work_dir = Path(cfg.work_dir)
        results = [
            run_repeat(config_of_repeat(cfg, repeat, work_dir)) for repeat in range(args.repeats)
        ]
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    if is_main_process():
        print(table(results))
        write_atomically(table(results).encode(), work_dir / 'table.md')
    close_dist()
    return 0


if __name__ == '__main__':
    sys.exit(main())
