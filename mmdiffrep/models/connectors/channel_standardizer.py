# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Zero mean and unit variance for the channels of a teacher's feature."""

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from mmdiffrep.registry import MODELS


@MODELS.register_module()
class ChannelStandardizer(nn.Module):
    """Standardises every channel by its running mean and variance.

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
        """Standardises ``(B, channels, h, w)``; in training mode it updates the statistics."""
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
