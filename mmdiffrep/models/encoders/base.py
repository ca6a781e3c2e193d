# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base of the networks of other libraries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class LoadedEncoder:
    """A network and how images are given to it.

    Attributes:
        network (nn.Module): As its library builds it, without the classifier where that could be
            left out.
        source (str): Where the weights come from, such as ``'timm:resnet18'``; random ones say so.
        mean (tuple of float, optional): Of its input on the 0..255 scale; None: unknown.
        std (tuple of float, optional): Likewise.
        channel_order (str): Of its input, ``'rgb'`` or ``'bgr'``.
        patch (int, optional): Side of the patches that become tokens, in pixels; None: no tokens.
        size (int): Side of the images that it was made for.
        fixed_size (bool): Whether it takes no other size.
        multiple (int): Sides must be a multiple of this.
        run (callable): Runs the network on normalized images ``(B, 3, H, W)``.
    """

    network: nn.Module
    source: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    channel_order: str = 'rgb'
    patch: int | None = None
    size: int = 224
    fixed_size: bool = False
    multiple: int = 1
    run: Callable[[nn.Module, Tensor], Any] = lambda network, images: network(images)

    def side_for(self, side: int) -> int:
        """Return the side of its input for images of some side: a multiple, never smaller."""
        if self.fixed_size:
            return self.size
        return -(-side // self.multiple) * self.multiple

    def with_normalization(
        self, mean: Sequence[float], std: Sequence[float], channel_order: str
    ) -> 'LoadedEncoder':
        """Return it with another normalization of its input."""
        return replace(self, mean=tuple(mean), std=tuple(std), channel_order=channel_order)

    def with_patch(self, patch: int) -> 'LoadedEncoder':
        """Return it with patches of this side in pixels."""
        return replace(self, patch=patch, multiple=patch)
