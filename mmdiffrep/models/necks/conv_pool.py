# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Convolutions before the global average: the CNN head of GDC."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdiffrep.models.necks.tap_neck import TapNeck
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class ConvPool(TapNeck):
    """Average the maps to one size, then apply convolutions and a global average.

    The CNN head of "Diffusion Models Beat GANs on Image Classification" (GDC, Mukhopadhyay et al.,
    2023) is not in the released code; the layers here are ours: 3x3 convolutions without bias, each
    followed by BatchNorm and ReLU, all but the first with a stride of 2.

    Args:
        in_channels (sequence of int): Channels of each tap; the paper's tap is ``dec.4`` of
            ADM-256, with 1024.
        side (int): Cells per side that the maps are averaged to, at most the cells they have.
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
        super().__init__(in_channels, num_timesteps, init_cfg)
        (self.side,) = self._integers('side', [side])
        widths = [sum(in_channels) * num_timesteps, *self._integers('channels', channels)]
        self.out_channels = widths[-1]
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

    def read(self, maps: Sequence[Tensor]) -> tuple[Tensor]:
        """Return the vectors ``(B, out_channels)`` alone."""
        for tensor in maps:
            self._check_cells(tensor, self.side)
        joined = torch.cat([F.adaptive_avg_pool2d(tensor, self.side) for tensor in maps], dim=1)
        return (self.layers(joined).mean(dim=(2, 3)),)
