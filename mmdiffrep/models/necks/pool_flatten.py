# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pooled maps as one vector an image: what a linear or an MLP head reads."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmdiffrep.models.necks.map_check import check_cells, check_maps, check_neck_arguments
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class PoolFlatten(BaseModule):
    """Averages each map over ``pool x pool`` cells and joins all cells of all maps.

    With one map, what the linear and MLP heads of "Diffusion Models Beat GANs on Image
    Classification" (GDC, Mukhopadhyay et al., 2023) read: ``ssl_diff/head.py`` of the official
    code.

    Args:
        in_channels (sequence of int): Channels of each tap; officially 1024, which is the tap
            ``dec.4`` of ADM-256.
        pool (int): Cells a side. Defaults to 2, as officially; 1 is a global average.
        num_timesteps (int): Timesteps that the taps are read at. Defaults to 1, as officially.
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (int): Length of the vector.

    Raises:
        ValueError: A number below 1.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        pool: int = 2,
        num_timesteps: int = 1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_neck_arguments(
            'PoolFlatten', in_channels, dict(pool=pool, num_timesteps=num_timesteps)
        )
        self.in_channels = tuple(in_channels)
        self.pool = pool
        self.num_timesteps = num_timesteps
        self.out_channels = sum(in_channels) * num_timesteps * pool**2

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor]:
        """Pools the maps of a batch.

        Args:
            maps (sequence of Tensor): ``(B, C, h, w)``, all taps of the first timestep first.

        Returns:
            tuple: The vectors ``(B, out_channels)`` alone.

        Raises:
            ValueError: Another number of maps, other channels, or maps with fewer cells.
        """
        check_maps('PoolFlatten', maps, self.in_channels, self.num_timesteps)
        check_cells('PoolFlatten', maps, self.pool)
        return (torch.cat([F.adaptive_avg_pool2d(one, self.pool).flatten(1) for one in maps], 1),)
