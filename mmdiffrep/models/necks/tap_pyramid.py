# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The maps of a diffusion model as the feature pyramid that dense heads expect."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdiffrep.models.necks.tap_neck import TapNeck
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import multiple_of


@MODELS.register_module()
class TapPyramid(TapNeck):
    """Maps of strides 4, 8, 16 and 32 with equal channels, from any taps at any timesteps.

    A level reads all maps of the tap stride that is nearest to its own: they are brought to the
    level's size (averaged down, or bilinearly up), joined, and projected by a 1x1 convolution with
    GroupNorm. With the taps ``mid``, ``dec.4``, ``dec.7`` and ``dec.10`` of ADM-256 every level has
    a tap of its own stride and nothing is resized.

    mmseg's ``UPerHead`` takes the levels as they are; mmdet's ``FPN`` behind it
    (``neck=[dict(type='mmdiffrep.TapPyramid', ...), dict(type='FPN', ...)]``) feeds RetinaNet and
    Mask R-CNN. The published code has no such neck.

    Args:
        in_channels (sequence of int): Channels of each tap.
        in_strides (sequence of int): Strides of each tap relative to the image
            (``tools/list_taps.py``).
        num_timesteps (int): Timesteps that the taps are read at. Defaults to 1.
        out_channels (int): Channels of every level. Defaults to 256.
        out_strides (sequence of int): Strides of the levels, rising. Defaults to (4, 8, 16, 32).
        num_groups (int): Groups of the normalization. Defaults to 32.
        init_cfg (dict, optional): mmengine's initialization config.

    Raises:
        ValueError: A number out of range, or strides that do not fit the taps.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        in_strides: Sequence[int],
        num_timesteps: int = 1,
        out_channels: int = 256,
        out_strides: Sequence[int] = (4, 8, 16, 32),
        num_groups: int = 32,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, num_timesteps, init_cfg)
        self.in_strides = self._integers('in_strides', in_strides, len(in_channels))
        self.out_strides = self._integers('out_strides', out_strides)
        self._integers('num_groups', [num_groups])
        if self.out_strides != tuple(sorted(set(self.out_strides))):
            raise ValueError(f'TapPyramid: out_strides must rise, got {out_strides}')
        self.out_channels = multiple_of(
            'TapPyramid: out_channels (of num_groups)', out_channels, num_groups
        )
        self.sources = [_nearest(stride, self.in_strides) for stride in self.out_strides]
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(
                    sum(self.in_channels[tap] for tap in taps) * num_timesteps,
                    out_channels,
                    kernel_size=1,
                    bias=False,
                ),
                nn.GroupNorm(num_groups, out_channels),
                nn.ReLU(inplace=True),
            )
            for taps in self.sources
        )

    def read(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return ``(B, out_channels, ceil(H / s), ceil(W / s))`` for each s of ``out_strides``."""
        taps = len(self.in_channels)
        return tuple(
            layers(
                torch.cat(
                    [
                        self._resized(maps[timestep * taps + tap], tap, stride)
                        for timestep in range(self.num_timesteps)
                        for tap in sources
                    ],
                    dim=1,
                )
            )
            for layers, sources, stride in zip(self.levels, self.sources, self.out_strides)
        )

    def _resized(self, tensor: Tensor, tap: int, stride: int) -> Tensor:
        if self.in_strides[tap] == stride:
            return tensor
        ratio = self.in_strides[tap] / stride
        size = tuple(math.ceil(side * ratio) for side in tensor.shape[2:])
        if ratio < 1:
            return F.adaptive_avg_pool2d(tensor, size)
        return F.interpolate(tensor, size=size, mode='bilinear', align_corners=False)


def _nearest(stride: int, candidates: Sequence[int]) -> list[int]:
    """Return indices of the candidates nearest to ``stride`` by ratio; of two, the finer."""
    best = min(candidates, key=lambda other: (abs(math.log(other / stride)), other))
    return [index for index, other in enumerate(candidates) if other == best]
