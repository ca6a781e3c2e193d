# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What a network can be given in a pass: images and their sides, labels, other conditions."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.utils.checks import of_shape, one_of

_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


class Sides(NamedTuple):
    """Sides that a network takes besides those that it was trained on.

    Attributes:
        multiple: Sides are multiples of this.
        low: The least side.
        high: The greatest; None: any.
        square: Whether both are the same.
    """

    multiple: int = 1
    low: int = 1
    high: int | None = None
    square: bool = False

    def fit(self, height: int, width: int) -> bool:
        """Return whether an image has such sides."""
        high = max(height, width) if self.high is None else self.high
        return all(
            self.low <= side <= high and side % self.multiple == 0 for side in (height, width)
        ) and not (self.square and height != width)

    def check(self, height: int, width: int, trained: int) -> None:
        """Check the sides of an image that is not the square of side ``trained``.

        Raises:
            ValueError: The network does not take them.
        """
        if not self.fit(height, width):
            raise ValueError(
                f'Image sides must be {self} for this network, got {height}x{width}; it was '
                f'trained on {trained}x{trained}.'
            )

    def __str__(self) -> str:
        facts = {
            f'multiples of {self.multiple}': self.multiple > 1,
            f'at least {self.low}': self.low > self.multiple or self.multiple == 1,
            f'at most {self.high}': self.high is not None,
            'both the same': self.square,
        }
        return ', '.join(fact for fact, holds in facts.items() if holds)


def check_images(images: Tensor, channels: int) -> None:
    """Check for floating-point images (B, ``channels``, H, W).

    Raises:
        ValueError: Another shape or dtype.
    """
    of_shape('images', images, 'B', channels, 'H', 'W')
    one_of('The dtype of images', images.dtype, _FLOATS)


def check_labels(labels: Tensor | None, num_classes: int | None, needed: bool) -> None:
    """Check the labels that a pass is conditioned on.

    Args:
        labels: (B,), or None.
        num_classes: Of the network; None: unconditional.
        needed: Whether there is no pass without labels.

    Raises:
        ValueError: Labels that are missing, out of range or not wanted.
    """
    if num_classes is None and labels is not None:
        raise ValueError('This network is unconditional: give no labels.')
    known = None if num_classes is None else f'the labels 0 .. {num_classes - 1}'
    if labels is None and needed and known:
        raise ValueError(f'This network is class-conditional: give cond, one of {known} per image.')
    if labels is None or labels.device.type != 'cpu' or torch.compiler.is_compiling():
        return
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < (num_classes or 0):
        raise ValueError(f'Expected {known}, got {int(labels.min())} .. {int(labels.max())}.')


def check_parts(cond: Condition, accepts: Sequence[str], name: str) -> None:
    """Check that a network reads all parts of a condition.

    Args:
        cond: The condition; it may be empty.
        accepts: The parts that the network reads.
        name: Of the network, for the error.

    Raises:
        ValueError: It does not read a part.
    """
    if unread := [part for part in cond.given if part not in accepts]:
        raise ValueError(
            f'{name} reads no {" or ".join(unread)} of a condition; it reads '
            f'{", ".join(accepts) or "nothing"}.'
        )
