# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Schedule of SiT: a straight path from data to noise, with time in either direction."""

from typing import Any

import torch
from torch import Tensor

from mmdiffrep.diffusion.schedule_base import Schedule, check_noise
from mmdiffrep.utils.checks import integer, one_of

DIRECTIONS = ('noise_to_data', 'data_to_noise')


class InterpolantSchedule(Schedule):
    """``x_t = (1 - s) * x_0 + s * eps`` with ``s = t / T``: SiT's linear interpolant.

    As in all schedules, timestep 0 is the clean image. The network gets ``1 - s`` or ``s``:
    checkpoints of the official SiT code have time 0 at the noise and 1 at the data
    (``'noise_to_data'``), those of REPA the opposite (``'data_to_noise'``).

    Args:
        time_direction: Which of the two.
        num_timesteps: T.

    Raises:
        ValueError: Another direction, or fewer than 2 timesteps.
    """

    def __init__(self, time_direction: str, num_timesteps: int = 1000) -> None:
        one_of('time_direction', time_direction, DIRECTIONS)
        integer('num_timesteps', num_timesteps, 2)
        self.shares = torch.arange(num_timesteps, dtype=torch.float64, device='cpu') / num_timesteps
        levels = self.shares / (self.shares**2 + (1 - self.shares) ** 2).sqrt()
        super().__init__(levels, 'v_prediction')
        self.time_direction = time_direction

    @property
    def scheduler_config(self) -> dict[str, Any]:
        """Return the arguments of diffusers' ``FlowMatchEulerDiscreteScheduler``."""
        return dict(num_train_timesteps=self.num_timesteps, shift=1.0)

    @property
    def settings(self) -> dict[str, Any]:
        """Return the name of the schedule and its direction."""
        return dict(schedule='interpolant', time_direction=self.time_direction)

    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor | int) -> Tensor:
        """Return x_t; see :class:`~mmdiffrep.diffusion.schedule_base.Schedule`."""
        check_noise(x0, eps)
        share = self._look_up('shares', self.check_timesteps(t, len(x0)), x0.device)
        share = share.view(-1, 1, 1, 1)
        return ((1 - share) * x0.float() + share * eps.float()).to(x0.dtype)

    def network_input(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return x_t, and the time in the network's direction, in 0 .. 1."""
        share = self._look_up('shares', t, x_t.device)
        return x_t, share if self.time_direction == 'data_to_noise' else 1 - share
