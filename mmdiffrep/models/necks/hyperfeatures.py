# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Learn which taps and timesteps count: Diffusion Hyperfeatures (Luo et al., NeurIPS 2023)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import as_many, integer, integers, multiple_of


@MODELS.register_module()
class Hyperfeatures(BaseModule):
    """A bottleneck block per tap, shared by all timesteps, and a softmax over taps and timesteps.

    Parameters have the names of the official ``AggregationNetwork``, whose checkpoints load.

    Args:
        in_channels: Channels of each tap.
        num_timesteps: Timesteps at which every tap is read. Default 1.
        out_channels: Of the result. Default 384 (official).
        num_groups: Of the group norms. Default 32 (official).
        num_blocks: Bottleneck blocks per tap. Default 1 (official).
        init_cfg: mmengine's initialization config.

    Raises:
        ValueError: No tap, or channels that do not divide into four times the groups.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_timesteps: int = 1,
        out_channels: int = 384,
        num_groups: int = 32,
        num_blocks: int = 1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        integers('in_channels', in_channels)
        integer('num_timesteps', num_timesteps, 1)
        integer('num_blocks', num_blocks, 1)
        integer('num_groups', num_groups, 1)
        multiple_of(f'out_channels (4 x num_groups of {num_groups})', out_channels, 4 * num_groups)
        self.bottleneck_layers = nn.ModuleList(
            nn.Sequential(
                *(
                    Bottleneck(out_channels if n else channels, out_channels, num_groups)
                    for n in range(num_blocks)
                )
            )
            for channels in in_channels
        )
        self.mixing_weights = nn.Parameter(torch.ones(len(in_channels) * num_timesteps))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Aggregate maps.

        Args:
            maps: (B, C, h, w) each, all taps of the first timestep first; they are resized to the
                largest.

        Returns:
            (B, out_channels, h, w).

        Raises:
            ValueError: Another number of maps than taps times timesteps.
        """
        as_many('maps', maps, 'the mixing weights', self.mixing_weights)
        size = max((tuple(value.shape[2:]) for value in maps), key=lambda side: side[0] * side[1])
        total = maps[0].new_zeros(())
        for number, (weight, value) in enumerate(zip(self.mixing_weights.softmax(0), maps)):
            if tuple(value.shape[2:]) != size:
                value = F.interpolate(value, size=size, mode='bilinear', align_corners=False)
            block = self.bottleneck_layers[number % len(self.bottleneck_layers)]
            total = total + weight * block(value)
        return total


class NormedConv(nn.Conv2d):
    """A convolution without bias and a group norm.

    Args:
        in_channels: Of the input.
        out_channels: Of the output.
        kernel_size: 1 or 3; borders are padded.
        num_groups: Of the norm.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, num_groups: int
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False
        )
        nn.init.kaiming_normal_(self.weight, mode='fan_out', nonlinearity='relu')
        self.norm = nn.GroupNorm(num_groups, out_channels)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve and normalize (B, C, h, w)."""
        return self.norm(super().forward(input))


class Bottleneck(nn.Module):
    """Detectron2's bottleneck block with group norms, a quarter as wide inside.

    Args:
        in_channels: Of the input.
        out_channels: Of the output.
        num_groups: Of the norms.
    """

    def __init__(self, in_channels: int, out_channels: int, num_groups: int) -> None:
        super().__init__()
        width = out_channels // 4
        self.shortcut = (
            NormedConv(in_channels, out_channels, 1, num_groups)
            if in_channels != out_channels
            else nn.Identity()
        )
        self.conv1 = NormedConv(in_channels, width, 1, num_groups)
        self.conv2 = NormedConv(width, width, 3, num_groups)
        self.conv3 = NormedConv(width, out_channels, 1, num_groups)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, out_channels, h, w)."""
        inner = F.relu(self.conv2(F.relu(self.conv1(x))))
        return F.relu(self.conv3(inner) + self.shortcut(x))
