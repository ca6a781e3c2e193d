# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The noise schedule: how much of the image and how much noise there is at a timestep."""

from typing import Any, Dict, Mapping, Optional, Sequence, Union

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from mmdiffrep.diffusion.arguments import check_arguments

# beta_schedule of diffusers, first and last beta. linear: DDPM (Ho et al. 2020, section 4) and
# guided-diffusion's 'linear' at 1000 steps; scaled_linear: Stable Diffusion's scheduler config;
# cosine: improved DDPM (Nichol & Dhariwal 2021, eq. 17), which has no betas to choose.
_PRESETS = {
    'linear': ('linear', 1e-4, 0.02),
    'scaled_linear': ('scaled_linear', 0.00085, 0.012),
    'cosine': ('squaredcos_cap_v2', None, None),
}
_BETA_KEYS = (
    'num_train_timesteps',
    'beta_start',
    'beta_end',
    'beta_schedule',
    'trained_betas',
    'rescale_betas_zero_snr',
)
_PREDICTIONS = ('epsilon', 'sample', 'v_prediction')


class NoiseSchedule:
    """A variance-preserving diffusion process with discrete timesteps 0 .. T - 1.

    ``x_t = sqrt(abar_t) * x_0 + sqrt(1 - abar_t) * eps`` with ``abar`` the running product of
    ``1 - beta`` (DDPM, eq. 4). Timestep 0 carries the least noise.

    Args:
        betas: (T,) variances, each in (0, 1].
        prediction_type: What the network predicts: ``'epsilon'``, ``'sample'`` or
            ``'v_prediction'``.

    Raises:
        ValueError: Betas of a wrong shape or range, or an unknown prediction type.
    """

    def __init__(
        self, betas: Union[Tensor, Sequence[float]], prediction_type: str = 'epsilon'
    ) -> None:
        betas = torch.as_tensor(betas, dtype=torch.float32, device='cpu')
        if betas.ndim != 1 or not betas.numel() or not ((betas > 0) & (betas <= 1)).all():
            raise ValueError(
                f'betas must be a non-empty vector with values in (0, 1], got shape '
                f'{tuple(betas.shape)} and values {betas.flatten()[:8].tolist()}.'
            )
        if prediction_type not in _PREDICTIONS:
            raise ValueError(
                f'prediction_type must be one of {_PREDICTIONS}, got {prediction_type!r}.'
            )
        self.prediction_type = prediction_type
        self.betas = betas
        self.alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)
        self._on_device: Dict[torch.device, Tensor] = {}

    @classmethod
    def preset(
        cls,
        name: str = 'linear',
        num_timesteps: int = 1000,
        beta_start: Optional[float] = None,
        beta_end: Optional[float] = None,
        prediction_type: str = 'epsilon',
    ) -> 'NoiseSchedule':
        """Builds a named schedule with the betas that diffusers computes for it.

        Args:
            name: ``'linear'`` (DDPM and ADM: 1e-4 to 0.02), ``'scaled_linear'`` (Stable Diffusion:
                0.00085 to 0.012) or ``'cosine'`` (improved DDPM).
            num_timesteps: T.
            beta_start: First beta; None: the preset's official one.
            beta_end: Last beta; None: the preset's official one.
            prediction_type: See the class.

        Raises:
            ValueError: Unknown name, or betas given for ``'cosine'``.
        """
        if name not in _PRESETS:
            raise ValueError(f'Unknown noise schedule {name!r}; known are {", ".join(_PRESETS)}.')
        kind, first, last = _PRESETS[name]
        if first is None and (beta_start is not None or beta_end is not None):
            raise ValueError("The 'cosine' schedule has no beta_start or beta_end to set.")
        config: Dict[str, Any] = {'beta_schedule': kind, 'num_train_timesteps': num_timesteps}
        if first is not None:
            config['beta_start'] = first if beta_start is None else beta_start
            config['beta_end'] = last if beta_end is None else beta_end
        return cls.from_scheduler(dict(config, prediction_type=prediction_type))

    @classmethod
    def from_scheduler(cls, scheduler: Any) -> 'NoiseSchedule':
        """Takes the training schedule of a diffusers scheduler (DDPM, DDIM, PNDM, DPM-Solver...).

        Args:
            scheduler: A diffusers scheduler, or its config as a mapping.

        Raises:
            ValueError: The scheduler has no betas (variance-exploding or flow-matching models), or
                diffusers does not know its ``beta_schedule``.
        """
        config = scheduler if isinstance(scheduler, Mapping) else scheduler.config
        if 'beta_schedule' not in config and config.get('trained_betas') is None:
            raise ValueError(
                f'{config.get("_class_name", "The scheduler")} has no betas: only '
                'variance-preserving models (DDPM, DDIM, PNDM, ...) are supported.'
            )
        known = {key: config[key] for key in _BETA_KEYS if key in config}
        try:
            with torch.device('cpu'):  # a network built on the meta device needs real betas
                betas = DDPMScheduler(**known).betas
        except NotImplementedError as error:
            raise ValueError(
                f"diffusers knows no beta_schedule {known['beta_schedule']!r}; it has 'linear', "
                "'scaled_linear', 'squaredcos_cap_v2' and others."
            ) from error
        return cls(betas, config.get('prediction_type', 'epsilon'))

    @property
    def num_timesteps(self) -> int:
        """T: timesteps run from 0 to T - 1."""
        return len(self.alphas_cumprod)

    def add_noise(self, x0: Tensor, eps: Tensor, t: Union[Tensor, int]) -> Tensor:
        """Gives x_t: the image mixed with noise (DDPM, eq. 4), computed in fp32.

        Args:
            x0: (B, C, H, W) images in [-1, 1].
            eps: (B, C, H, W) standard normal noise.
            t: (B,) timesteps, or one for all.

        Returns:
            (B, C, H, W) in ``x0``'s dtype.

        Raises:
            ValueError: A timestep outside 0 .. T - 1, or shapes that differ.
        """
        if eps.shape != x0.shape:
            raise ValueError(
                f'The noise has shape {tuple(eps.shape)}, but the images {tuple(x0.shape)}.'
            )
        abar = self._abar(self.check_timesteps(t, len(x0)), x0.device).view(-1, 1, 1, 1)
        return (abar.sqrt() * x0.float() + (1 - abar).sqrt() * eps.float()).to(x0.dtype)

    def sigma(self, t: Union[Tensor, int]) -> Tensor:
        """Noise level sqrt(1 - abar_t) in [0, 1] of timesteps of any shape.

        Raises:
            ValueError: Not integers, or outside 0 .. T - 1.
        """
        t = torch.as_tensor(t)
        self._check_values(t)
        return (1 - self._abar(t, t.device)).sqrt()

    def timestep_of(self, sigma: float) -> int:
        """The timestep whose noise level is nearest to ``sigma``.

        Args:
            sigma: Noise level sqrt(1 - abar) in [0, 1]; it means the same under every schedule.

        Raises:
            ValueError: A level outside [0, 1].
        """
        if not 0 <= sigma <= 1:
            raise ValueError(f'A noise level is sqrt(1 - alpha-bar), in [0, 1]; got {sigma}.')
        levels = (1 - self.alphas_cumprod).sqrt()
        return int((levels - sigma).abs().argmin())

    def check_timesteps(self, t: Union[Tensor, int], batch: int) -> Tensor:
        """Returns timesteps as a (batch,) long tensor.

        Args:
            t: One timestep, or (batch,) of them.
            batch: Number of images.

        Raises:
            ValueError: Not integers, a wrong number of them, or outside 0 .. T - 1. (Values on an
                accelerator are not read back, so there only shape and type are checked.)
        """
        t = torch.as_tensor(t)
        self._check_values(t)
        if t.ndim > 1 or t.numel() not in (1, batch):
            raise ValueError(
                f'Expected one timestep or one for each of {batch} images, got shape '
                f'{tuple(t.shape)}.'
            )
        return t.long().reshape(-1).expand(batch)

    def _check_values(self, t: Tensor) -> None:
        if t.dtype == torch.bool or t.is_floating_point():
            raise ValueError(f'Timesteps are integers, got dtype {t.dtype}.')
        if t.device.type == 'cpu' and not torch.compiler.is_compiling() and t.numel():
            low, high = int(t.min()), int(t.max())
            if low < 0 or high >= self.num_timesteps:
                raise ValueError(
                    f'Timesteps must lie in 0 .. {self.num_timesteps - 1}, got {low} .. {high}.'
                )

    def _abar(self, t: Tensor, device: torch.device) -> Tensor:
        if device not in self._on_device:
            self._on_device[device] = self.alphas_cumprod.to(device)
        return self._on_device[device][t.to(device).long()]


def build_schedule(cfg: Union[None, str, Mapping[str, Any], NoiseSchedule]) -> NoiseSchedule:
    """Builds a schedule from a config.

    Args:
        cfg: None (linear, 1000 steps), a preset's name, a diffusers scheduler config (has
            ``beta_schedule``), or ``dict(name='linear', num_timesteps=1000, ...)`` with the
            arguments of :meth:`NoiseSchedule.preset`.

    Raises:
        ValueError: Unknown preset or argument.
    """
    if isinstance(cfg, NoiseSchedule):
        return cfg
    if cfg is None or isinstance(cfg, str):
        return NoiseSchedule.preset(cfg or 'linear')
    if 'beta_schedule' in cfg or 'trained_betas' in cfg:
        return NoiseSchedule.from_scheduler(cfg)
    check_arguments(cfg, NoiseSchedule.preset, 'The noise schedule')
    return NoiseSchedule.preset(**cfg)
