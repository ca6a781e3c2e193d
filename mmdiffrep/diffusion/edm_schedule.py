# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""EDM (Karras et al. 2022): noise added to unscaled images, and a preconditioned network."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmdiffrep.diffusion.schedule_base import Schedule, check_noise
from mmdiffrep.utils.checks import integer, one_of, positive, within

_SCHEDULER_KEYS = ('sigma_min', 'sigma_max', 'sigma_data', 'rho', 'prediction_type')


class Preconditioning(NamedTuple):
    """Coefficients that make the denoiser D of the network F (EDM, equation 7 and table 1).

    ``D(x; sigma) = skip * x + out * F(inward * x; noise)``.

    Attributes:
        skip: sigma_data^2 / (sigma^2 + sigma_data^2).
        out: sigma * sigma_data / sqrt(sigma^2 + sigma_data^2).
        inward: 1 / sqrt(sigma^2 + sigma_data^2), c_in of the paper.
        noise: ln(sigma) / 4.
    """

    skip: Tensor
    out: Tensor
    inward: Tensor
    noise: Tensor


def precondition(sigma: Tensor, sigma_data: float) -> Preconditioning:
    """Compute the four coefficients.

    Args:
        sigma: Standard deviations of the noise, > 0, of any shape.
        sigma_data: Standard deviation of the pixels. Official: 0.5.
    """
    total = (sigma**2 + sigma_data**2).sqrt()
    return Preconditioning(
        skip=(sigma_data / total) ** 2,
        out=sigma * sigma_data / total,
        inward=1 / total,
        noise=sigma.log() / 4,
    )


def sigma_steps(num_steps: int, sigma_min: float, sigma_max: float, rho: float) -> Tensor:
    """Noise levels of EDM's sampler (equation 5), smallest first: (num_steps,) float64."""
    place = torch.linspace(0, 1, num_steps, dtype=torch.float64, device='cpu')
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return (low + place * (high - low)) ** rho


class EDMSchedule(Schedule):
    """``x_t = x_0 + sigma_t * eps``, timesteps counted as DDAE does.

    Timestep 0 is the clean image (for which the network gets ``sigma_min``), 1 .. ``num_steps``
    are the steps of EDM's sampler from ``sigma_min`` to ``sigma_max``. With the default 18 steps
    the timesteps 3, 4 and 5 are sigma 0.023, 0.060 and 0.140, as in DDAE.

    Args:
        num_steps: Noise levels, not counting the clean image, at least 2. Official for 32 px: 18.
        sigma_min: The least noise. Official: 0.002.
        sigma_max: The most noise. Official: 80.
        rho: The greater, the more steps there are with little noise. Official: 7.
        sigma_data: Standard deviation of the pixels. Official: 0.5.
        prediction_type: ``'epsilon'``, as in the paper, or ``'v_prediction'``: diffusers' name for
            a network with the opposite sign.
        time_scale: The network gets the time ``time_scale * ln(sigma) / 4``: 1 for EDM, 1000 for
            the consistency models of diffusers.

    Raises:
        ValueError: A number out of range, or an unknown prediction type.
    """

    def __init__(
        self,
        num_steps: int = 18,
        sigma_min: float = 0.002,
        sigma_max: float = 80.0,
        rho: float = 7.0,
        sigma_data: float = 0.5,
        prediction_type: str = 'epsilon',
        time_scale: float = 1.0,
    ) -> None:
        integer('num_steps', num_steps, 2)
        within('sigma_min', sigma_min, 0, sigma_max, open_low=True, open_high=True)
        positive('rho', rho)
        positive('sigma_data', sigma_data)
        one_of('prediction_type', prediction_type, ('epsilon', 'v_prediction'))
        steps = sigma_steps(num_steps, sigma_min, sigma_max, rho)
        self.sigmas = torch.cat([steps.new_zeros(1), steps])
        super().__init__(self.sigmas / (1 + self.sigmas**2).sqrt(), prediction_type)
        self.sigma_min = sigma_min
        self.sigma_max = sigma_max
        self.rho = rho
        self.sigma_data = sigma_data
        self.time_scale = positive('time_scale', time_scale)

    @classmethod
    def from_scheduler(cls, scheduler: Any) -> 'EDMSchedule':
        """Take the noise levels of one of diffusers' EDM schedulers.

        Its ``num_train_timesteps`` is the number of steps; models that are trained here have 18.

        Args:
            scheduler: ``EDMEulerScheduler`` or ``EDMDPMSolverMultistepScheduler``, or its config.

        Raises:
            ValueError: Another sequence of noise levels than the paper's.
        """
        config = scheduler if isinstance(scheduler, Mapping) else scheduler.config
        one_of('sigma_schedule', config.get('sigma_schedule', 'karras'), ('karras',))
        known = {key: config[key] for key in _SCHEDULER_KEYS if key in config}
        return cls(num_steps=config.get('num_train_timesteps', 1000), **known)

    @classmethod
    def from_consistency(cls, scheduler: Any) -> 'EDMSchedule':
        """Take the noise levels of a ``CMStochasticIterativeScheduler``, or of its config.

        Consistency models get the images of EDM and 1000 times its time.
        """
        config = scheduler if isinstance(scheduler, Mapping) else scheduler.config
        known = {key: config[key] for key in _SCHEDULER_KEYS[:-1] if key in config}
        return cls(num_steps=config.get('num_train_timesteps', 40), time_scale=1000.0, **known)

    @property
    def scheduler_config(self) -> dict[str, Any]:
        """Arguments of diffusers' EDM schedulers; ``time_scale`` if that is not 1."""
        known = {key: getattr(self, key) for key in _SCHEDULER_KEYS}
        return dict(known, num_train_timesteps=self.num_timesteps - 1, **self._scale)

    @property
    def settings(self) -> dict[str, Any]:
        """Return the name of the schedule, ``sigma_data`` and the scale of the time."""
        return {'schedule': 'EDM', 'sigma_data': self.sigma_data, **self._scale}

    @property
    def _scale(self) -> dict[str, float]:
        return {} if self.time_scale == 1 else {'time_scale': self.time_scale}

    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor | int) -> Tensor:
        """Give ``x_0 + sigma_t * eps``; see :meth:`Schedule.add_noise`."""
        check_noise(x0, eps)
        t = self.check_timesteps(t, len(x0))
        sigma = self._look_up('sigmas', t, x0.device).view(-1, 1, 1, 1)
        return (x0.float() + sigma * eps.float()).to(x0.dtype)

    def network_input(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Scale x_t by c_in, and turn the timestep into ``time_scale * ln(sigma) / 4``."""
        # ln(0) is not finite: for a clean image the network gets the least noise of its training
        sigma = self._look_up('sigmas', t, x_t.device).clamp(min=self.sigma_min)
        c = precondition(sigma, self.sigma_data)
        return (x_t.float() * c.inward.view(-1, 1, 1, 1)).to(x_t.dtype), self.time_scale * c.noise
