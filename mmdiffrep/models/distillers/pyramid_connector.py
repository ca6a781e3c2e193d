# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A feature pyramid between a student and several maps of its teacher, as in DreamTeacher."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, integers


@MODELS.register_module()
class PyramidConnector(nn.Module):
    """Pyramid pooling on the deepest stage, then a top-down path with lateral connections.

    Several student layers go in, and as many maps of ``channels`` come out, each at the size of
    its layer; the pairs of a run share it. What a pair does with its map, a 1x1 convolution to
    the teacher's channels, is the pair's own connector. DreamTeacher's regressor; the order of
    normalization and pooling within its parts is a guess, as there is no official code.

    Args:
        in_channels (sequence of int): Channels of the student's layers, from shallow to deep.
        channels (int): Channels of each output. Defaults to 256 (official).
        pool_sizes (sequence of int): Sides of the pooled maps, in cells. Defaults to (1, 2, 3, 6)
            (official); those above the deepest map's side only repeat it.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 256,
        pool_sizes: Sequence[int] = (1, 2, 3, 6),
    ) -> None:
        super().__init__()
        self.channels = integer('channels', channels, 1)
        self.pool_sizes = tuple(integers('pool_sizes', pool_sizes))
        deepest = integers('in_channels', in_channels)[-1]
        part = max(1, channels // len(pool_sizes))
        self.pooled = nn.ModuleList(_conv(deepest, part, 1) for _ in self.pool_sizes)
        self.bottom = _conv(deepest + part * len(self.pool_sizes), channels, 3)
        self.laterals = nn.ModuleList(_conv(c, channels, 1) for c in in_channels[:-1])
        self.outputs = nn.ModuleList(_conv(channels, channels, 3) for _ in in_channels[:-1])

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Map ``(B, C_i, h_i, w_i)`` to maps ``(B, channels, h_i, w_i)``."""
        *shallow, deepest = features
        size = deepest.shape[-2:]
        pooled = [
            F.interpolate(reduce(F.adaptive_avg_pool2d(deepest, side)), size=size, mode='bilinear')
            for side, reduce in zip(self.pool_sizes, self.pooled)
        ]
        top = self.bottom(torch.cat([deepest, *pooled], dim=1))
        maps = [top]
        for feature, lateral, output in reversed(
            list(zip(shallow, self.laterals, self.outputs, strict=True))
        ):
            top = lateral(feature) + F.interpolate(top, size=feature.shape[-2:], mode='bilinear')
            maps.append(output(top))
        return maps[::-1]


def _conv(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    # Groups, not batches: a map pooled to one pixel has too few values for batch statistics.
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.GroupNorm(1, out_channels),
        nn.ReLU(),
    )
