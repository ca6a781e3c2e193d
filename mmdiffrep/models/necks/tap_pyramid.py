# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The maps of a diffusion model as the feature pyramid that dense heads expect."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdiffrep.models.necks.map_check import check_maps, check_neck_arguments
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class TapPyramid(BaseModule):
    """Maps of strides 4, 8, 16 and 32 with equal channels, from any taps at any timesteps.

    A level reads all maps of the tap stride that is nearest to its own: they are brought to the
    level's size (averaged down, or bilinearly up), joined, and projected by a 1x1 convolution with
    GroupNorm. With the taps ``mid``, ``dec.4``, ``dec.7`` and ``dec.10`` of ADM-256 every level has
    a tap of its own stride and nothing is resized.

    mmseg's ``UPerHead`` takes the levels as they are; mmdet's ``FPN`` behind it
    (``neck=[dict(type='mmdiffrep.TapPyramid', ...), dict(type='FPN', ...)]``) feeds RetinaNet and
    Mask R-CNN. Not in the published code, whose dense results came without one.

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
        ValueError: Numbers that do not fit.
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
        super().__init__(init_cfg)
        check_neck_arguments(
            'TapPyramid',
            in_channels,
            dict(
                num_timesteps=num_timesteps,
                out_channels=out_channels,
                num_groups=num_groups,
            ),
        )
        if isinstance(in_strides, int) or len(in_strides) != len(in_channels):
            raise ValueError(
                f'TapPyramid: in_strides needs one stride for each of the {len(in_channels)} taps, '
                f'got {in_strides}'
            )
        strides = [] if isinstance(out_strides, int) else list(out_strides)
        if not strides or strides != sorted(set(strides)) or min(*strides, *in_strides) < 1:
            raise ValueError(
                'TapPyramid: strides are integers of at least 1, those of the levels rising; got '
                f'in_strides={in_strides} and out_strides={out_strides}'
            )
        if out_channels % num_groups:
            raise ValueError(
                f'TapPyramid: out_channels={out_channels} must be a multiple of '
                f'num_groups={num_groups}'
            )
        self.in_channels = tuple(in_channels)
        self.in_strides = tuple(in_strides)
        self.num_timesteps = num_timesteps
        self.out_channels = out_channels
        self.out_strides = tuple(strides)
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

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Build the pyramid.

        Args:
            maps (sequence of Tensor): ``(B, C, h, w)``, all taps of the first timestep first.

        Returns:
            tuple: ``(B, out_channels, H / stride, W / stride)`` for each of ``out_strides``, sides
            rounded up.

        Raises:
            ValueError: Another number of maps, or maps of other channels.
        """
        check_maps('TapPyramid', maps, self.in_channels, self.num_timesteps)
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

    def _resized(self, one: Tensor, tap: int, stride: int) -> Tensor:
        if self.in_strides[tap] == stride:
            return one
        ratio = self.in_strides[tap] / stride
        size = tuple(math.ceil(side * ratio) for side in one.shape[2:])
        if ratio < 1:
            return F.adaptive_avg_pool2d(one, size)
        return F.interpolate(one, size=size, mode='bilinear', align_corners=False)


def _nearest(stride: int, candidates: Sequence[int]) -> list[int]:
    """Return indices of the candidates nearest to ``stride`` by ratio; of two, the finer."""
    best = min(candidates, key=lambda one: (abs(math.log(one / stride)), one))
    return [index for index, one in enumerate(candidates) if one == best]
