# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A training run of seconds that uses everything a resume can get wrong.

Dropout, batch norm, random augmentation, momentum, a schedule, EMA, validation and best
checkpoints; for tests and for ``kill_and_resume.py``.
"""

import random
import uuid
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmdiffrep.utils.checkpoint_io import register_safe_loader
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint


@DATASETS.register_module()
class TinyDataset(Dataset):
    """24 vectors of 8 numbers with a class out of 3, flipped and jittered at random."""

    @property
    def metainfo(self) -> dict[str, Any]:
        """With an array in it, as mmpose's have."""
        return dict(classes=('a', 'b', 'c'), sigmas=np.linspace(0.1, 0.3, 3, dtype=np.float32))

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        values = np.random.default_rng(index).normal(size=8) + np.random.normal(size=8) * 0.1
        if random.random() < 0.5:
            values = values[::-1]
        return dict(x=torch.tensor(values.copy()).float(), label=torch.tensor(index % 3))


@MODELS.register_module()
class TinyModel(BaseModel):
    """A perceptron with batch norm and dropout.

    Args:
        width: Hidden width; the checkpoint grows with it, and so does the time a save takes.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(), nn.Linear(width, 3)
        )

    def forward(self, x: Tensor, label: Tensor, mode: str = 'tensor') -> Any:
        """Classify ``x`` (B, 8); losses, or scores with labels, by ``mode``."""
        scores = self.layers(x)
        if mode == 'loss':
            return dict(loss=F.cross_entropy(scores, label))
        return [dict(score=score, label=truth) for score, truth in zip(scores, label)]


@METRICS.register_module()
class TinyAccuracy(BaseMetric):
    """Share of right answers, and mean score of the right class."""

    def process(self, data_batch: dict[str, Tensor], data_samples: list[dict[str, Tensor]]) -> None:
        """Collect of each sample whether it is right, and its score."""
        for sample in data_samples:
            score, label = sample['score'], sample['label']
            self.results.append((int(score.argmax() == label), score[label].item()))

    def compute_metrics(self, results: list[tuple[int, float]]) -> dict[str, float]:
        """Their means."""
        right, scores = zip(*results)
        return dict(acc=np.float64(np.mean(right)), confidence=np.float64(np.mean(scores)))


def build_tiny_runner(
    work_dir: str,
    load_from: str | None = None,
    by_epoch: bool = False,
    length: int = 12,
    width: int = 16,
    num_workers: int = 0,
    val_interval: int = 3,
    checkpoint: dict[str, Any] | None = None,
    exact_resume: bool = True,
    optim_wrapper: dict[str, Any] | None = None,
) -> Runner:
    """Build a run of ``length`` iterations (at least 2), or epochs of 4 iterations.

    Args:
        work_dir: Where its files go.
        load_from: A checkpoint to resume from.
        by_epoch: Epoch-based instead of iteration-based.
        length: Iterations or epochs.
        width: Of the model.
        num_workers: Of the training data loader.
        val_interval: In iterations or epochs.
        checkpoint: Options of the checkpoint hook, over the defaults: save every 2, keep 2, best.
        exact_resume: With an ``ExactResumeHook``.
        optim_wrapper: Options over the defaults.

    Returns:
        The runner; call its ``train()``.
    """
    hook = dict(
        type='mmdiffrep.AtomicCheckpointHook',
        by_epoch=by_epoch,
        interval=2,
        max_keep_ckpts=2,
        save_best='acc',
    )
    hook.update(checkpoint or {})
    loader = dict(
        dataset=dict(type='TinyDataset'), batch_size=6, collate_fn=dict(type='default_collate')
    )
    if by_epoch:
        loop, sampler = dict(by_epoch=True, max_epochs=length), 'DefaultSampler'
    else:
        loop, sampler = dict(by_epoch=False, max_iters=length), 'InfiniteSampler'
    custom_hooks = [dict(type='EMAHook', momentum=0.1)]
    if exact_resume:
        custom_hooks.append(dict(type='mmdiffrep.ExactResumeHook'))
    steps = length * 4 if by_epoch else length
    warm_up = min(3, steps // 2)
    return Runner(
        model=dict(type='TinyModel', width=width),
        work_dir=work_dir,
        experiment_name=f'tiny_{uuid.uuid4().hex}',
        train_dataloader=dict(
            **loader, num_workers=num_workers, sampler=dict(type=sampler, shuffle=True)
        ),
        val_dataloader=dict(
            **loader, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False)
        ),
        val_evaluator=dict(type='TinyAccuracy'),
        train_cfg=dict(**loop, val_interval=val_interval),
        val_cfg=dict(),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.1, momentum=0.9), **(optim_wrapper or {})
        ),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=warm_up),
            dict(type='CosineAnnealingLR', by_epoch=False, begin=warm_up, T_max=steps - warm_up),
        ],
        default_hooks=dict(checkpoint=hook, logger=dict(type='LoggerHook', interval=4)),
        custom_hooks=custom_hooks,
        load_from=load_from,
        resume=load_from is not None,
        randomness=dict(seed=3),
        cfg=dict(randomness=dict(seed=3)),
        log_level='WARNING',
    )


def run(work_dir: str, **options: Any) -> None:
    """Start or resume a tiny run in ``work_dir``, as ``tools/train.py --resume`` does.

    Args:
        work_dir: Where its files go.
        **options: Of :func:`build_tiny_runner`.
    """
    torch.set_num_threads(1)
    register_safe_loader()
    build_tiny_runner(work_dir, load_from=find_resume_checkpoint(work_dir), **options).train()
