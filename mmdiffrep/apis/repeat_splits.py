# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train and test a few-shot config on several random splits of its data."""

import copy
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process

from mmdiffrep.cli.run_config import build_runner
from mmdiffrep.utils.atomic_file import write_atomically

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def nodes_with_repeat(node: Any) -> Iterator[dict[str, Any]]:
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
    """Return the config of one repeat.

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


def run_repeat(cfg: Config) -> dict[str, float]:
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
