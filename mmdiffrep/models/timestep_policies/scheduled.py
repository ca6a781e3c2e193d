# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Timestep policies without parameters: fixed, uniform, and uniform with a falling maximum."""

import torch
from torch import Tensor

from mmdiffrep.models.timestep_policies.base import TimestepPolicy, TimestepSample
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class FixedTimestep(TimestepPolicy):
    """The same timestep for every image.

    Args:
        t (int): The timestep, 0-based. Defaults to 0, the value of the official CelebA-HQ
            configs (``max_time_step=1``).
    """

    def __init__(self, t: int = 0) -> None:
        super().__init__()
        if t < 0:
            raise ValueError(f't must not be negative, got {t}')
        self.max_timestep = t

    def forward(
        self,
        images: Tensor,
        *,
        uniform: Tensor | None = None,
        common: float | None = None,
        progress: float = 0.0,
    ) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        t = torch.full((len(images),), self.max_timestep, device=images.device)
        return TimestepSample(t)


@MODELS.register_module()
class UniformTimestep(TimestepPolicy):
    """A uniform draw from ``[low, high)`` for every image.

    Args:
        high (int): First timestep that is not drawn. Defaults to 50, the value of the official
            Tiny-ImageNet configs (``max_time_step=50``).
        low (int): Smallest timestep. Defaults to 0.
    """

    def __init__(self, high: int = 50, low: int = 0) -> None:
        super().__init__()
        if not 0 <= low < high:
            raise ValueError(f'expected 0 <= low < high, got low={low}, high={high}')
        self.low = low
        self.high = high
        self.max_timestep = high - 1

    def forward(
        self,
        images: Tensor,
        *,
        uniform: Tensor | None = None,
        common: float | None = None,
        progress: float = 0.0,
    ) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        chance = self.chance(images, uniform)
        return TimestepSample(self.low + (chance * (self.high - self.low)).long())


@MODELS.register_module()
class AnnealedTimestep(TimestepPolicy):
    """A uniform draw below a maximum that falls linearly and then stays.

    The official ``TimeDecayHook`` goes from 1000 to 50 over 100 of 200 epochs: the defaults.

    Args:
        start (int): Exclusive maximum at the beginning. Defaults to 1000.
        end (int): Exclusive maximum once annealed. Defaults to 50.
        until (float): Share of the training with a teacher after which ``end`` is reached.
            Defaults to 0.5.
    """

    def __init__(self, start: int = 1000, end: int = 50, until: float = 0.5) -> None:
        super().__init__()
        if not (start >= 1 and end >= 1):
            raise ValueError(f'start and end must be at least 1, got {start} and {end}')
        if not 0 < until <= 1:
            raise ValueError(f'until must be in (0, 1], got {until}')
        self.start = start
        self.end = end
        self.until = until
        self.max_timestep = max(start, end) - 1

    def forward(
        self,
        images: Tensor,
        *,
        uniform: Tensor | None = None,
        common: float | None = None,
        progress: float = 0.0,
    ) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        done = min(progress / self.until, 1.0)
        high = round(self.start + done * (self.end - self.start))
        return TimestepSample((self.chance(images, uniform) * high).long())
