# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Map student features to the channels of the teacher, and standardize teacher features."""

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.registry import MODELS


@MODELS.register_module()
class ConvConnector(nn.Module):
    """A 1x1 convolution with bias from student to teacher channels (official).

    It is trained together with the student and thrown away afterwards.

    Args:
        in_channels (int): Channels of the student's feature.
        out_channels (int): Channels of the teacher's feature.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, feature: Tensor) -> Tensor:
        """Map ``(B, Cin, h, w)`` to ``(B, Cout, h, w)``."""
        return self.projection(feature)


@MODELS.register_module()
class MLPConnector(nn.Module):
    """Two 1x1 convolutions with a ReLU between them: a perceptron on every pixel.

    It asks less of the student than a linear connector: the teacher's feature need not be a linear
    function of the student's. Not official.

    Args:
        in_channels (int): Channels of the student's feature.
        out_channels (int): Channels of the teacher's feature.
        hidden_channels (int, optional): Defaults to None: as many as ``out_channels``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, hidden_channels: int | None = None
    ) -> None:
        super().__init__()
        hidden_channels = hidden_channels or out_channels
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, hidden_channels, 1),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, out_channels, 1),
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Map ``(B, Cin, h, w)`` to ``(B, Cout, h, w)``."""
        return self.layers(feature)


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
        """Map ``(B, C_i, h_i, w_i)`` to ``(B, out_channels, h, w)`` at the largest size."""
        maps = [project(feature) for project, feature in zip(self.projections, features)]
        size = max(tuple(feature.shape[-2:]) for feature in maps)
        return sum(
            F.interpolate(feature, size=size, mode='bilinear', align_corners=False)
            for feature in maps
        )


@MODELS.register_module()
class ChannelStandardizer(nn.Module):
    """Standardizes every channel by its running mean and variance.

    The scale of a diffusion feature changes with tap and timestep, and a few channels are much
    larger than the rest; a plain distance then sees those alone. The statistics are a cumulative
    average at first and an exponential one after ``1 / momentum`` batches; they are averaged over
    all ranks, so that many processes see what one process with the whole batch would see.

    Args:
        channels (int): Channels of the feature.
        momentum (float): Weight of a new batch in the long run. Defaults to 0.01.
        eps (float): Added to the variance. Defaults to 1e-6.
    """

    def __init__(self, channels: int, momentum: float = 0.01, eps: float = 1e-6) -> None:
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.register_buffer('mean', torch.zeros(channels))
        self.register_buffer('square', torch.ones(channels))
        self.register_buffer('num_batches', torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, feature: Tensor) -> Tensor:
        """Standardizes ``(B, channels, h, w)``; in training mode update the statistics."""
        if self.training:
            moments = torch.stack(
                [feature.mean(dim=(0, 2, 3)), feature.square().mean(dim=(0, 2, 3))]
            )
            all_reduce(moments, op='mean')
            self.num_batches += 1
            weight = torch.clamp(1.0 / self.num_batches, min=self.momentum)
            self.mean.lerp_(moments[0], weight)
            self.square.lerp_(moments[1], weight)
        variance = (self.square - self.mean.square()).clamp(min=0)
        scale = (variance + self.eps).rsqrt()
        return (feature - self.mean[:, None, None]) * scale[:, None, None]
