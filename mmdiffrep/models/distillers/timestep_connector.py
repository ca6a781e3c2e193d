# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A connector that is told the timestep, for one student feature that serves all of them."""

import math

import torch
from torch import Tensor, nn

from mmdiffrep.models.distillers.connectors import PixelNorm
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer

EMBEDDING = 64  # numbers that describe a timestep


@MODELS.register_module()
class TimestepConnector(nn.Module):
    """Residual perceptrons on every pixel, modulated by the timestep, as in CleanDIFT.

    A teacher's feature changes with t, the student's does not: without this, one linear map has to
    serve all timesteps. Each block is ``x + MLP((1 + scale(t)) * norm(x) + shift(t))``; scale,
    shift and the last layer of each MLP start at zero, so that it begins as a 1x1 convolution.

    Args:
        in_channels (int): Channels of the student's feature.
        out_channels (int): Channels of the teacher's feature.
        depth (int): Number of blocks. Defaults to 3 (CleanDIFT).
        expansion (int): Hidden channels over ``out_channels``. Defaults to 2.
    """

    told_timestep = True

    def __init__(
        self, in_channels: int, out_channels: int, depth: int = 3, expansion: int = 2
    ) -> None:
        super().__init__()
        integer('in_channels', in_channels, 1)
        integer('out_channels', out_channels, 1)
        integer('depth', depth, 1)
        hidden = out_channels * integer('expansion', expansion, 1)
        self.projection = nn.Conv2d(in_channels, out_channels, 1)
        self.blocks = nn.ModuleList(ModulatedBlock(out_channels, hidden) for _ in range(depth))

    def forward(self, feature: Tensor, t: Tensor) -> Tensor:
        """Map ``(B, Cin, h, w)`` to ``(B, Cout, h, w)`` at the timesteps ``(B,)``."""
        out = self.projection(feature)
        embedding = timestep_embedding(t)
        for block in self.blocks:
            out = block(out, embedding)
        return out


class ModulatedBlock(nn.Module):
    """One block of :class:`TimestepConnector`."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = PixelNorm(channels, elementwise_affine=False)
        self.modulation = nn.Linear(EMBEDDING, 2 * channels)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.GELU(), nn.Conv2d(hidden, channels, 1)
        )
        for layer in (self.modulation, self.mlp[-1]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, feature: Tensor, embedding: Tensor) -> Tensor:
        """Add to ``(B, C, h, w)`` what the MLP makes of it at ``embedding`` (B, E)."""
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        return feature + self.mlp((1 + scale) * self.norm(feature) + shift)


def timestep_embedding(t: Tensor) -> Tensor:
    """Cosines and sines of timesteps ``(B,)`` at wavelengths from 2 pi to 20,000 pi, ``(B, E)``."""
    half = EMBEDDING // 2
    steps = torch.arange(half, device=t.device, dtype=torch.float32)
    angles = t.float()[:, None] * torch.exp(-math.log(1e4) * steps / (half - 1))
    return torch.cat([angles.cos(), angles.sin()], dim=1)
