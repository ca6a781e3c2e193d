# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Puts the distiller of a checkpoint back into a run."""

from typing import Any

from torch import nn
from torch.optim import Optimizer


def restore(distiller: nn.Module, optimizer: Optimizer, saved: dict[str, Any]) -> None:
    """Load a distiller and its optimizer.

    Args:
        distiller (nn.Module): As this run's config has built it.
        optimizer (Optimizer): The same.
        saved (dict): ``state_dict`` and ``optimizer`` of the checkpoint.

    Raises:
        ValueError: They are of another pair, policy or reward than the checkpoint's, or the
            optimizer has other options.
    """
    try:
        distiller.load_state_dict(saved['state_dict'])
        optimizer.load_state_dict(saved['optimizer'])
    except (RuntimeError, ValueError) as error:
        raise _other(str(error)) from error
    # torch takes the state of any optimizer; one of another kind lacks what a step needs.
    missing = optimizer.defaults.keys() - optimizer.param_groups[0].keys()
    if missing:
        raise _other(f'its optimizer has no {", ".join(sorted(missing))}')


def _other(reason: str) -> ValueError:
    return ValueError(
        "the checkpoint's distiller was built by another config than this run's: resume with the "
        'same pairs, policy, reward and optimizer of the RepFusionHook, or start anew with '
        f'load_from ({reason})'
    )
