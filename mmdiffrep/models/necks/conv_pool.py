# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Convolutions before the global average: what a CNN head reads."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdiffrep.models.necks.map_check import check_cells, check_maps, check_neck_arguments
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class ConvPool(BaseModule):
    """Averages the maps to one size, and reads them with convolutions and a global average.

    The CNN head of "Diffusion Models Beat GANs on Image Classification" (GDC, Mukhopadhyay et al.,
    2023) is not in the released code; the layers here are ours: 3x3 convolutions without bias, each
    followed by BatchNorm and ReLU, all but the first with a stride of 2.

    Args:
        in_channels (sequence of int): Channels of each tap; the paper's tap is ``dec.4`` of
            ADM-256, with 1024.
        side (int): Cells a side that the maps are averaged to, at most those that they have.
        channels (sequence of int): Output channels of the convolutions. Defaults to (512, 512).
        num_timesteps (int): Timesteps that the taps are read at. Defaults to 1.
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (int): Length of the vector, the last of ``channels``.

    Raises:
        ValueError: A number below 1.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        side: int,
        channels: Sequence[int] = (512, 512),
        num_timesteps: int = 1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_neck_arguments('ConvPool', in_channels, dict(side=side, num_timesteps=num_timesteps))
        if isinstance(channels, int) or not channels or min(channels) < 1:
            raise ValueError(f'ConvPool: channels are one width or more, got {channels}')
        self.in_channels = tuple(in_channels)
        self.side = side
        self.num_timesteps = num_timesteps
        self.out_channels = channels[-1]
        widths = [sum(in_channels) * num_timesteps, *channels]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(before, after, 3, stride=2 if index else 1, padding=1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(inplace=True),
                )
                for index, (before, after) in enumerate(itertools.pairwise(widths))
            )
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor]:
        """Read the maps of a batch.

        Args:
            maps (sequence of Tensor): ``(B, C, h, w)``, all taps of the first timestep first.

        Returns:
            tuple: The vectors ``(B, out_channels)`` alone.

        Raises:
            ValueError: Another number of maps, other channels, or maps with fewer cells.
        """
        check_maps('ConvPool', maps, self.in_channels, self.num_timesteps)
        check_cells('ConvPool', maps, self.side)
        joined = torch.cat([F.adaptive_avg_pool2d(one, self.side) for one in maps], dim=1)
        return (self.layers(joined).mean(dim=(2, 3)),)
