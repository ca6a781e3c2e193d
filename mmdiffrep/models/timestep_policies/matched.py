# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A fixed timestep that means the same for every noise schedule and image size."""

import torch
from torch import Tensor

from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.models.timestep_policies.base import Draws, TimestepPolicy, TimestepSample
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, one_given, within


@MODELS.register_module()
class MatchedTimestep(TimestepPolicy):
    """Read every image at the timestep of a noise level, or of a timestep at another image size.

    A larger image survives more noise, as neighboring pixels show the same: averaged down by k,
    its noise is k times weaker. So t = 50 of a 256 px model hides as much of the picture as t = 9
    of a 64 px model does (linear betas). The noise is matched at the teacher's size, after
    averaging: with r = (1 - alpha_bar) / alpha_bar, r at the teacher's size is r at
    ``image_size``, times (size / image_size)^2. The teacher must be a diffusion model; a bank of
    its features does not load the network and is refused.

    Args:
        t (int, optional): A timestep of the teacher's schedule, as a paper gives it.
        noise_level (float, optional): Instead of ``t``: the noise's standard deviation
            ``sqrt(1 - alpha_bar)``, in (0, 1), which any schedule has.
        image_size (int, optional): Side in pixels that ``t`` or ``noise_level`` is meant for, such
            as 256. Defaults to None: the teacher's own.

    Raises:
        ValueError: Not exactly one of ``t`` and ``noise_level``.
    """

    def __init__(
        self,
        t: int | None = None,
        noise_level: float | None = None,
        image_size: int | None = None,
    ) -> None:
        super().__init__()
        one_given('MatchedTimestep', t=t, noise_level=noise_level)
        self.given = None if t is None else integer('t', t, 0)
        if noise_level is not None:
            within('noise_level', noise_level, 0, 1, open_low=True, open_high=True)
        self.noise_level = noise_level
        self.image_size = None if image_size is None else integer('image_size', image_size, 1)
        self.max_timestep = 0
        self._fitted = False

    @property
    def timesteps(self) -> tuple[int, ...]:
        """Return the one timestep that it draws; see :class:`TimestepPolicy`.

        Raises:
            ValueError: The teacher has no noise schedule in which it could be found.
        """
        if not self._fitted:
            raise ValueError(
                'MatchedTimestep finds its timestep in the noise schedule of a diffusion model, '
                'but the teacher has none (a BankTeacher does not load its network): take '
                "dict(type='mmdiffrep.FixedTimestep', t=...), or a diffusion model as the teacher."
            )
        return (self.max_timestep,)

    def fit(self, schedule: Schedule, size: int) -> None:
        """Find the timestep; see :class:`TimestepPolicy`.

        Raises:
            ValueError: The schedule has no timestep ``t``.
        """
        level = self.noise_level
        if level is None:
            level = float(schedule.noise_level(self.given))
        noise = level**2 / max(1 - level**2, 1e-12) * (size / (self.image_size or size)) ** 2
        self.max_timestep = schedule.nearest_timestep((noise / (1 + noise)) ** 0.5)
        self._fitted = True

    def forward(self, images: Tensor, draws: Draws) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        t = torch.full((len(images),), self.max_timestep, device=images.device)
        return TimestepSample(t)
