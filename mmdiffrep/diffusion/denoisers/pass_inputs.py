# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Check what a network is given in a pass."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.diffusion.condition import Condition


def check_images(x_t: Tensor, in_channels: int) -> None:
    """Check noised or clean images.

    Raises:
        ValueError: Not floats of shape (B, ``in_channels``, H, W).
    """
    if x_t.ndim != 4 or x_t.shape[1] != in_channels:
        raise ValueError(f'Expected images (B, {in_channels}, H, W), got shape {tuple(x_t.shape)}.')
    if not x_t.is_floating_point():
        raise ValueError(f'Expected float images in [-1, 1], got dtype {x_t.dtype}.')


def check_condition(
    cond: Condition,
    accepts: Sequence[str],
    num_classes: int | None,
    needs_label: bool,
    family: str,
) -> None:
    """Check a condition against what a family's networks read.

    Args:
        cond: The condition.
        accepts: Parts that are read.
        num_classes: Of the network; None: unconditional.
        needs_label: Whether there is no pass without labels.
        family: For the message.

    Raises:
        ValueError: A part that is not read, or labels that are missing, unknown or not wanted.
    """
    unread = [name for name in cond.given if name not in accepts]
    if unread:
        raise ValueError(
            f'{family} reads no {" or ".join(unread)} of a condition; it reads '
            f'{", ".join(accepts) or "nothing"}.'
        )
    labels = cond.labels
    if labels is None:
        if needs_label and num_classes is not None:
            raise ValueError(
                'This network is class-conditional: give cond, one of the labels '
                f'0 .. {num_classes - 1} per image.'
            )
        return
    if num_classes is None:
        raise ValueError('This network is unconditional: give no labels.')
    if labels.device.type == 'cpu' and not torch.compiler.is_compiling() and len(labels):
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= num_classes:
            raise ValueError(f'Labels must lie in 0 .. {num_classes - 1}, got {low} .. {high}.')
