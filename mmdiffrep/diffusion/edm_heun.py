# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""EDM's deterministic sampler (Karras et al. 2022, algorithm 1) on diffusers' Heun steps."""

from collections.abc import Mapping
from typing import Any

from diffusers import HeunDiscreteScheduler
from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteSchedulerOutput
from torch import Tensor

from mmdiffrep.diffusion.edm_schedule import EDMSchedule, Preconditioning, precondition
from mmdiffrep.utils.checks import equal

_RHO = 7.0  # the only one that diffusers' Heun scheduler has


class EDMHeunScheduler:
    """Heun's method for a preconditioned network, called as diffusers' schedulers are.

    diffusers' ``HeunDiscreteScheduler`` gets the denoised image as the network's prediction, and
    EDM's noise levels instead of those of the betas. Denoised images are clipped to [-1, 1],
    as in DDAE.

    Args:
        config: Config of diffusers' EDM schedulers.

    Raises:
        ValueError: A ``rho`` other than 7.

    Attributes:
        timesteps: ln(sigma) / 4 of each evaluation, after :meth:`set_timesteps`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.schedule = EDMSchedule.from_scheduler(config)
        equal("rho for the sampler 'heun'", self.schedule.rho, _RHO)
        self._steps = HeunDiscreteScheduler(
            prediction_type='sample', use_karras_sigmas=True, clip_sample=True
        )
        self._steps.register_to_config(
            sigma_min=self.schedule.sigma_min, sigma_max=self.schedule.sigma_max
        )
        self._sign = 1 if self.schedule.prediction_type == 'epsilon' else -1

    @property
    def init_noise_sigma(self) -> float:
        """Return the standard deviation of the first noise."""
        return self.schedule.sigma_max

    def set_timesteps(self, num_inference_steps: int) -> None:
        """Prepare N = ``num_inference_steps`` steps, which take 2 N - 1 evaluations."""
        self._steps.set_timesteps(num_inference_steps)
        self._steps.set_begin_index(0)
        self.timesteps = precondition(self._steps.sigmas[:-1], self.schedule.sigma_data).noise
        self._evaluation = 0

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor:
        """Return a sample as the network's input."""
        return sample * self._coefficients.inward

    def step(
        self, model_output: Tensor, timestep: Tensor, sample: Tensor
    ) -> HeunDiscreteSchedulerOutput:
        """Take half a step; see diffusers' schedulers."""
        c = self._coefficients
        denoised = c.skip * sample + c.out * self._sign * model_output
        position = self._steps.timesteps[self._evaluation]
        self._evaluation += 1
        output = self._steps.step(denoised, position, sample)
        assert isinstance(output, HeunDiscreteSchedulerOutput)
        return output

    @property
    def _coefficients(self) -> Preconditioning:
        sigma = self._steps.sigmas[self._evaluation]
        return precondition(sigma, self.schedule.sigma_data)
