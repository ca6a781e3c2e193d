# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Variance exploding (Song et al. 2021): NCSN++, whose network is told sigma itself."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from typing_extensions import Self

from mmdiffrep.diffusion.schedule_base import Schedule, check_noise
from mmdiffrep.utils.checks import integer, positive


class VESchedule(Schedule):
    """``x_t = x_0 + sigma_t * eps`` for images in [0, 1], sigma_t geometric from least to most.

    Images are in [-1, 1] here as everywhere, so that they get twice the noise; the network is given
    them in [0, 1].

    Args:
        num_timesteps: T. Official: 2000.
        sigma_min: Noise of timestep 0. Official: 0.01.
        sigma_max: Noise of the last timestep. Official: 1348 at 1024 px, 348 at 256 px.

    Raises:
        ValueError: A number out of range.
    """

    def __init__(
        self, num_timesteps: int = 2000, sigma_min: float = 0.01, sigma_max: float = 1348.0
    ) -> None:
        integer('num_timesteps', num_timesteps, 2)
        if not positive('sigma_min', sigma_min) < positive('sigma_max', sigma_max):
            raise ValueError(f'sigma_min={sigma_min} must be below sigma_max={sigma_max}.')
        ends = math.log(sigma_min), math.log(sigma_max)
        self.sigmas = torch.linspace(*ends, num_timesteps, dtype=torch.float64, device='cpu').exp()
        deviation = 2 * self.sigmas  # in [-1, 1]
        super().__init__(deviation / (1 + deviation**2).sqrt(), 'epsilon')
        self.sigma_min = sigma_min
        self.sigma_max = sigma_max

    @classmethod
    def from_scheduler(cls, scheduler: Any) -> Self:
        """Take the noise levels of a diffusers ``ScoreSdeVeScheduler``, or of its config."""
        config = scheduler if isinstance(scheduler, Mapping) else scheduler.config
        return cls(
            config.get('num_train_timesteps', 2000),
            config.get('sigma_min', 0.01),
            config.get('sigma_max', 1348.0),
        )

    @property
    def scheduler_config(self) -> dict[str, Any]:
        """Arguments of diffusers' ``ScoreSdeVeScheduler``."""
        return dict(
            num_train_timesteps=self.num_timesteps,
            sigma_min=self.sigma_min,
            sigma_max=self.sigma_max,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Says that the noise explodes."""
        return dict(schedule='VE')

    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor | int) -> Tensor:
        """Give x_t in the range of x_0; see :meth:`Schedule.add_noise`."""
        check_noise(x0, eps)
        sigma = self._look_up('sigmas', self.check_timesteps(t, len(x0)), x0.device)
        return (x0.float() + 2 * sigma.view(-1, 1, 1, 1) * eps.float()).to(x0.dtype)

    def network_input(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """x_t in [0, 1] before the noise, and sigma_t."""
        return (x_t + 1) / 2, self._look_up('sigmas', t, x_t.device)
