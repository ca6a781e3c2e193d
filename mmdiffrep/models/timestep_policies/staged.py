# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A range of timesteps for every pair, one pair an iteration."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.models.timestep_policies.base import TimestepPolicy, TimestepSample
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class StagedTimestep(TimestepPolicy):
    """Every pair has timesteps of its own; each iteration compares one pair, chosen at random.

    With the maxima T_0 > T_1 > ... the pair i is read at t drawn uniformly from
    ``[T_{i+1}, T_i)``, the last pair from ``[0, T_last)``, as in the official ``MutiStep``
    classifier. So shallow student layers may learn from noisy timesteps and deep ones from clean
    ones, or the other way round: the order of the pairs decides. All ranks choose the same pair.

    Args:
        highs (sequence of int): Exclusive maxima, one a pair, falling.
    """

    def __init__(self, highs: Sequence[int]) -> None:
        super().__init__()
        highs = [int(high) for high in highs]
        if not highs or min(highs) < 1 or highs != sorted(set(highs), reverse=True):
            raise ValueError(
                f'highs must be falling integers of at least 1, one a pair, got {highs}'
            )
        self.highs = highs
        self.lows = [*highs[1:], 0]
        self.num_pairs = len(highs)
        self.max_timestep = highs[0] - 1

    def forward(
        self,
        images: Tensor,
        *,
        uniform: Tensor | None = None,
        common: float | None = None,
        progress: float = 0.0,
    ) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        if common is None:
            common = torch.rand((), dtype=torch.float64).item()
        pair = int(common * self.num_pairs)
        low, high = self.lows[pair], self.highs[pair]
        t = low + (self.chance(images, uniform) * (high - low)).long()
        return TimestepSample(t, pair=pair)
