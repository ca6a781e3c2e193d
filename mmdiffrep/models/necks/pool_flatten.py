# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pooled maps as one vector per image: the input of a linear or an MLP head."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.models.necks.tap_neck import TapNeck
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class PoolFlatten(TapNeck):
    """Average each map over ``pool x pool`` cells and join all cells of all maps.

    With one map, what the linear and MLP heads of "Diffusion Models Beat GANs on Image
    Classification" (GDC, Mukhopadhyay et al., 2023) read: ``ssl_diff/head.py`` of the official
    code.

    Args:
        in_channels (sequence of int): Channels of each tap (official: 1024, the tap ``dec.4`` of
            ADM-256).
        pool (int): Cells per side. Defaults to 2 (official: 2); 1 is a global average.
        num_timesteps (int): Timesteps that the taps are read at. Defaults to 1 (official: 1).
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
        super().__init__(in_channels, num_timesteps, init_cfg)
        (self.pool,) = self._integers('pool', [pool])
        self.out_channels = sum(in_channels) * num_timesteps * pool**2

    def read(self, maps: Sequence[Tensor]) -> tuple[Tensor]:
        """Return the vectors ``(B, out_channels)`` alone."""
        for tensor in maps:
            self._check_cells(tensor, self.pool)
        cells = [F.adaptive_avg_pool2d(tensor, self.pool).flatten(1) for tensor in maps]
        return (torch.cat(cells, dim=1),)
