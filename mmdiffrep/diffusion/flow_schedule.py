# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Rectified flow (SD3, Flux): a straight path from data to noise, with time 0 .. T at the network.

Timestep t is the share t / T of the noise whatever the ``shift`` of the sampler, which only says
where a sampler stops on its way. So ``timesteps=[260]`` is DiTF's t = 260.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from typing_extensions import Self

from mmdiffrep.diffusion.interpolant_schedule import InterpolantSchedule


class FlowSchedule(InterpolantSchedule):
    """``x_t = (1 - t / T) * x_0 + (t / T) * eps``; the network is told t.

    Args:
        num_timesteps: T. Official: 1000.
        shift: Of the sampler that the model comes with; features do not depend on it.

    Raises:
        ValueError: Fewer than 2 timesteps.
    """

    def __init__(self, num_timesteps: int = 1000, shift: float = 1.0) -> None:
        super().__init__('data_to_noise', num_timesteps)
        self.shift = shift

    @classmethod
    def from_scheduler(cls, scheduler: Any) -> Self:
        """Take the schedule of a diffusers flow-matching scheduler, or of its config."""
        config = scheduler if isinstance(scheduler, Mapping) else scheduler.config
        shift = config.get('shift', config.get('flow_shift', 1.0)) or 1.0
        return cls(config.get('num_train_timesteps', 1000), shift)

    @property
    def scheduler_config(self) -> dict[str, Any]:
        """Arguments of diffusers' ``FlowMatchEulerDiscreteScheduler``."""
        return dict(num_train_timesteps=self.num_timesteps, shift=self.shift)

    @property
    def settings(self) -> dict[str, Any]:
        """Says that the schedule is a flow."""
        return dict(schedule='flow')

    def network_input(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """x_t, and t itself."""
        return x_t, t
