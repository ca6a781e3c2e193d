# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Several timesteps per image, spread over the whole range."""

import torch
from torch import Tensor

from mmdiffrep.models.timestep_policies.base import Draws, TimestepPolicy, TimestepSample
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer


@MODELS.register_module()
class StratifiedTimestep(TimestepPolicy):
    """Read every image once in each of several equal bins of timesteps (CleanDIFT).

    Independent draws leave gaps: of three, two may be nearly alike. A step costs one pass of the
    teacher for each bin; the student's pass is shared. The target changes much from bin to bin, so
    give the pairs a connector that is told the timestep,
    :class:`~mmdiffrep.models.distillers.TimestepConnector`.

    Args:
        bins (int): Defaults to 3 (official).
        high (int): First timestep that is not drawn. Defaults to 1000 (official).
        low (int): Smallest timestep. Defaults to 1 (official).

    Raises:
        ValueError: Fewer timesteps than bins.
    """

    def __init__(self, bins: int = 3, high: int = 1000, low: int = 1) -> None:
        super().__init__()
        self.num_samples = integer('bins', bins, 1)
        self.low = integer('low', low, 0)
        self.high = integer('high', high, low + bins)
        self.max_timestep = high - 1

    def forward(self, images: Tensor, draws: Draws) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        bins = torch.arange(self.num_samples, device=images.device)
        place = (bins.repeat_interleave(len(images)) + draws.uniforms) / self.num_samples
        t = self.low + (place * (self.high - self.low)).long()
        return TimestepSample(t.clamp(max=self.max_timestep))  # rounding may reach `high`
