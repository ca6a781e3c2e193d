# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Averaged weights of a run, to show and to export."""

from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn


def averaged_model(runner: Runner) -> nn.Module:
    """Return the model with the weights of mmengine's ``EMAHook``, or the model itself.

    Args:
        runner: A runner whose ``before_run`` hooks have run.

    Returns:
        An unwrapped model of the same class as the one in training.
    """
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            return hook.ema_model.module
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def require_method(runner: Runner, name: str, hook: str) -> None:
    """Check at the start of a run that its model can do what a hook will ask of it.

    Args:
        runner: See :func:`averaged_model`.
        name: The method.
        hook: How the error calls the hook.

    Raises:
        TypeError: The model has no such method.
    """
    model = averaged_model(runner)
    if not hasattr(model, name):
        raise TypeError(
            f'{hook} calls {name}() of the model, which {type(model).__name__} does not have: it '
            'is for runs that train a diffusion model, mmdiffrep.DDPM or mmdiffrep.EDM'
        )
