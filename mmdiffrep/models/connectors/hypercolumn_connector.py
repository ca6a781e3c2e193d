# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Brings several student features together to the teacher's number of channels."""

from typing import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.registry import MODELS


@MODELS.register_module()
class HypercolumnConnector(nn.Module):
    """A 1x1 convolution over the student's stages, resized and concatenated.

    A deep stage knows what is where, a shallow one exactly where: one dense teacher feature then
    teaches all of them. The convolution runs on every stage at its own resolution, before the
    resizing, which gives the same result for less work.

    Args:
        in_channels (sequence of int): Channels of the student's features.
        out_channels (int): Channels of the teacher's feature.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Conv2d(channels, out_channels, 1, bias=index == 0)
            for index, channels in enumerate(in_channels)
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps ``(B, C_i, h_i, w_i)`` to ``(B, out_channels, h, w)`` at the largest size."""
        maps = [project(feature) for project, feature in zip(self.projections, features)]
        size = max(tuple(feature.shape[-2:]) for feature in maps)
        return sum(
            F.interpolate(feature, size=size, mode='bilinear', align_corners=False)
            for feature in maps
        )
