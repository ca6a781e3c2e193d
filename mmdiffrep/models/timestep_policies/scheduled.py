# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Timestep policies without parameters: fixed, uniform, annealed and staged."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.models.timestep_policies.base import Draws, TimestepPolicy, TimestepSample
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, of_type, rising, within


@MODELS.register_module()
class FixedTimestep(TimestepPolicy):
    """Read every image at the same timestep.

    Args:
        t (int): The timestep, 0-based. Defaults to 0 (official CelebA-HQ configs:
            ``max_time_step=1``).
    """

    def __init__(self, t: int = 0) -> None:
        super().__init__()
        self.max_timestep = integer('t', t, 0)

    @property
    def timesteps(self) -> tuple[int, ...]:
        """See :class:`TimestepPolicy`."""
        return (self.max_timestep,)

    def forward(self, images: Tensor, draws: Draws) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        t = torch.full((len(images),), self.max_timestep, device=images.device)
        return TimestepSample(t)


@MODELS.register_module()
class UniformTimestep(TimestepPolicy):
    """Draw the timestep of every image uniformly from ``[low, high)``.

    Args:
        high (int): First timestep that is not drawn. Defaults to 50 (official Tiny-ImageNet
            configs: ``max_time_step=50``).
        low (int): Smallest timestep. Defaults to 0.
    """

    def __init__(self, high: int = 50, low: int = 0) -> None:
        super().__init__()
        self.low = integer('low', low, 0)
        self.high = integer('high', high, low + 1)
        self.max_timestep = high - 1

    @property
    def timesteps(self) -> tuple[int, ...]:
        """See :class:`TimestepPolicy`."""
        return tuple(range(self.low, self.high))

    def forward(self, images: Tensor, draws: Draws) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        return TimestepSample(self.low + (draws.uniforms * (self.high - self.low)).long())


@MODELS.register_module()
class AnnealedTimestep(TimestepPolicy):
    """Draw uniformly below a maximum that falls linearly and then stays.

    The defaults are those of the official ``TimeDecayHook``: from 1000 to 50 over 100 of 200
    epochs.

    Args:
        start (int): Exclusive maximum at the beginning. Defaults to 1000.
        end (int): Exclusive maximum once annealed. Defaults to 50.
        until (float): Share of the training with a teacher after which ``end`` is reached.
            Defaults to 0.5.
    """

    def __init__(self, start: int = 1000, end: int = 50, until: float = 0.5) -> None:
        super().__init__()
        self.start = integer('start', start, 1)
        self.end = integer('end', end, 1)
        self.until = within('until', until, 0, 1, open_low=True)
        self.max_timestep = max(start, end) - 1

    def forward(self, images: Tensor, draws: Draws) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        done = min(draws.progress / self.until, 1.0)
        high = round(self.start + done * (self.end - self.start))
        return TimestepSample((draws.uniforms * high).long())


@MODELS.register_module()
class StagedTimestep(TimestepPolicy):
    """Give every pair its own timesteps; each iteration compares one pair, chosen at random.

    With the maxima T_0 > T_1 > ... the pair i is read at t drawn uniformly from
    ``[T_{i+1}, T_i)``, the last pair from ``[0, T_last)`` (official: the ``MutiStep``
    classifier). So shallow student layers may learn from noisy timesteps and deep ones from clean
    ones, or the other way round: the order of the pairs decides. All ranks choose the same pair.

    Args:
        highs (sequence of int): Exclusive maxima, one per pair, falling.
    """

    def __init__(self, highs: Sequence[int]) -> None:
        super().__init__()
        highs = [integer('each of highs', high) for high in of_type('highs', highs, list, tuple)]
        rising('highs, the last first,', highs[::-1], 1)
        self.highs = highs
        self.lows = [*highs[1:], 0]
        self.num_pairs = len(highs)
        self.max_timestep = highs[0] - 1

    def forward(self, images: Tensor, draws: Draws) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        pair = int(draws.shared * self.num_pairs)
        low, high = self.lows[pair], self.highs[pair]
        t = low + (draws.uniforms * (high - low)).long()
        return TimestepSample(t, pair=pair)
