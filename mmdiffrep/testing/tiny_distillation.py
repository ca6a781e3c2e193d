# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A distillation run on tiny networks: its hook's config, a whole run, and one about to start."""

from pathlib import Path
from typing import Any

from mmengine.runner import Runner

from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.testing.tiny import tiny_runner, tiny_teacher

PAIR = dict(
    student='backbone',
    teacher='mid',
    loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l1'),
)
REINFORCED = dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20, num_buckets=5)


def hook_cfg(**kwargs: Any) -> dict[str, Any]:
    """Config of a hook with one pair and a reinforced policy; ``kwargs`` replace options of it."""
    cfg = dict(
        type='mmdiffrep.RepFusionHook',
        teacher=tiny_teacher(),
        pairs=[PAIR],
        policy=REINFORCED,
        optimizer=dict(type='SGD', lr=0.05, momentum=0.9),
    )
    return {**cfg, **kwargs}


def hook_of(runner: Runner) -> RepFusionHook:
    """Return the distillation hook of a run."""
    return next(hook for hook in runner.hooks if isinstance(hook, RepFusionHook))


def run(
    folder: Path, max_iters: int = 4, hook: dict[str, Any] | None = None, **kwargs: Any
) -> Runner:
    """Trains a tiny segmentor with a hook (:func:`hook_cfg`), see :func:`tiny_runner`."""
    runner = tiny_runner(folder, max_iters, [hook or hook_cfg()], **kwargs)
    runner.train()
    return runner


def prepared(folder: Path, hooks: list[dict[str, Any]] | None = None) -> Runner:
    """Return a run up to the moment where training would start."""
    runner = tiny_runner(folder, 1, [hook_cfg()] if hooks is None else hooks)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.call_hook('before_run')
    runner._init_model_weights()
    return runner
