# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The noise schedule: how much of the image and how much noise there is at a timestep."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from mmdiffrep.diffusion.edm_schedule import EDMSchedule
from mmdiffrep.diffusion.flow_schedule import FlowSchedule
from mmdiffrep.diffusion.schedule_base import Schedule, check_noise
from mmdiffrep.diffusion.ve_schedule import VESchedule
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import one_of

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


class NoiseSchedule(Schedule):
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

    def __init__(self, betas: Tensor | Sequence[float], prediction_type: str = 'epsilon') -> None:
        betas = torch.as_tensor(betas, dtype=torch.float32, device='cpu')
        if betas.ndim != 1 or not betas.numel() or not ((betas > 0) & (betas <= 1)).all():
            raise ValueError(
                f'betas must be a non-empty vector with values in (0, 1], got shape '
                f'{tuple(betas.shape)} and values {betas.flatten()[:8].tolist()}.'
            )
        self.betas = betas
        self.alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)
        super().__init__((1 - self.alphas_cumprod).sqrt(), prediction_type)

    @classmethod
    def preset(
        cls,
        name: str = 'linear',
        num_timesteps: int = 1000,
        beta_start: float | None = None,
        beta_end: float | None = None,
        prediction_type: str = 'epsilon',
    ) -> 'NoiseSchedule':
        """Build a named schedule with the betas that diffusers computes for it.

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
        one_of('The noise schedule', name, _PRESETS, "Besides there are 'edm', 'flow' and 've'.")
        kind, first, last = _PRESETS[name]
        if first is None and (beta_start is not None or beta_end is not None):
            raise ValueError("The 'cosine' schedule has no beta_start or beta_end to set.")
        config: dict[str, Any] = {'beta_schedule': kind, 'num_train_timesteps': num_timesteps}
        if first is not None:
            config['beta_start'] = first if beta_start is None else beta_start
            config['beta_end'] = last if beta_end is None else beta_end
        return cls.from_scheduler(dict(config, prediction_type=prediction_type))

    @classmethod
    def from_scheduler(cls, scheduler: Any) -> 'NoiseSchedule':
        """Take the training schedule of a diffusers scheduler (DDPM, DDIM, PNDM, DPM-Solver...).

        Args:
            scheduler: A diffusers scheduler, or its config as a mapping.

        Raises:
            ValueError: The scheduler has no betas, tells its network another time than the
                timestep, or has a ``beta_schedule`` that diffusers does not know.
        """
        config = scheduler if isinstance(scheduler, Mapping) else scheduler.config
        if 'beta_schedule' not in config and config.get('trained_betas') is None:
            raise ValueError(
                f'{config.get("_class_name", "The scheduler")} has no betas, so it is not the '
                'schedule of a variance-preserving model (DDPM, DDIM, PNDM, ...).'
            )
        if config.get('timestep_type', 'discrete') != 'discrete':
            raise ValueError(
                f'timestep_type={config["timestep_type"]!r}: only networks that are told discrete '
                'timesteps are supported.'
            )
        known = {key: config[key] for key in _BETA_KEYS if key in config}
        try:
            with torch.device('cpu'):  # a network built on the meta device needs real betas
                betas = DDPMScheduler(**known).betas
        except NotImplementedError as error:
            raise ValueError(
                f'diffusers knows no beta_schedule {known["beta_schedule"]!r}; expected '
                "'linear', 'scaled_linear', 'squaredcos_cap_v2' or another of its own."
            ) from error
        old = 'epsilon' if config.get('predict_epsilon', True) else 'sample'  # diffusers < 0.7
        return cls(betas, config.get('prediction_type', old))

    @property
    def scheduler_config(self) -> dict[str, Any]:
        """Arguments of diffusers' DDPM, DDIM and Heun schedulers."""
        return dict(
            num_train_timesteps=self.num_timesteps,
            trained_betas=self.betas.numpy(),
            prediction_type=self.prediction_type,
        )

    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor | int) -> Tensor:
        """Mixes the image with noise (DDPM, eq. 4); see :meth:`Schedule.add_noise`."""
        check_noise(x0, eps)
        t = self.check_timesteps(t, len(x0))
        abar = self._look_up('alphas_cumprod', t, x0.device).view(-1, 1, 1, 1)
        return (abar.sqrt() * x0.float() + (1 - abar).sqrt() * eps.float()).to(x0.dtype)


# How a network is told the time follows from the class of its scheduler, not from config keys:
# consistency models have EDM's keys, and another time.
_WITH_BETAS = (
    'DDIMInverseScheduler',
    'DDIMParallelScheduler',
    'DDIMScheduler',
    'DDPMParallelScheduler',
    'DDPMScheduler',
    'DEISMultistepScheduler',
    'DPMSolverMultistepInverseScheduler',
    'DPMSolverMultistepScheduler',
    'DPMSolverSDEScheduler',
    'DPMSolverSinglestepScheduler',
    'EulerAncestralDiscreteScheduler',
    'EulerDiscreteScheduler',
    'HeunDiscreteScheduler',
    'KDPM2AncestralDiscreteScheduler',
    'KDPM2DiscreteScheduler',
    'LCMScheduler',
    'LMSDiscreteScheduler',
    'PNDMScheduler',
    'RePaintScheduler',
    'SASolverScheduler',
    'TCDScheduler',
    'UniPCMultistepScheduler',
)
_BY_CLASS: dict[str, Callable[[Mapping[str, Any]], Schedule]] = {
    **dict.fromkeys(_WITH_BETAS, NoiseSchedule.from_scheduler),
    'EDMEulerScheduler': EDMSchedule.from_scheduler,
    'EDMDPMSolverMultistepScheduler': EDMSchedule.from_scheduler,
    'CMStochasticIterativeScheduler': EDMSchedule.from_consistency,
    'FlowMatchEulerDiscreteScheduler': FlowSchedule.from_scheduler,
    'FlowMatchHeunDiscreteScheduler': FlowSchedule.from_scheduler,
    'FlowMatchLCMScheduler': FlowSchedule.from_scheduler,
    'ScoreSdeVeScheduler': VESchedule.from_scheduler,
}
_BY_NAME: dict[str, type[Schedule]] = {'edm': EDMSchedule, 'flow': FlowSchedule, 've': VESchedule}


def build_schedule(cfg: None | str | Mapping[str, Any] | Schedule) -> Schedule:
    """Build a schedule from a config.

    Args:
        cfg: None (linear, 1000 steps), a preset's name, the config of a diffusers scheduler, or
            ``dict(name='linear', num_timesteps=1000, ...)`` with the arguments of
            :meth:`NoiseSchedule.preset`; or a name (or dict) of another process: ``'edm'``
            (:class:`~mmdiffrep.diffusion.edm_schedule.EDMSchedule`), ``'flow'``
            (:class:`~mmdiffrep.diffusion.flow_schedule.FlowSchedule`) or ``'ve'``
            (:class:`~mmdiffrep.diffusion.ve_schedule.VESchedule`).

    Raises:
        ValueError: Unknown preset, argument or scheduler class.
    """
    if isinstance(cfg, Schedule):
        return cfg
    args: dict[str, Any] = (
        {'name': cfg or 'linear'} if cfg is None or isinstance(cfg, str) else dict(cfg)
    )
    name = args.get('name')
    if name in _BY_NAME:
        del args['name']
        check_arguments(args, _BY_NAME[name], f"The noise schedule '{name}'")
        return _BY_NAME[name](**args)
    if '_class_name' in args:
        return _from_class(args)
    if 'sigma_data' in args:
        return EDMSchedule.from_scheduler(args)
    if {'beta_schedule', 'trained_betas'} & set(args):
        return NoiseSchedule.from_scheduler(args)
    check_arguments(args, NoiseSchedule.preset, 'The noise schedule')
    return NoiseSchedule.preset(**args)


def _from_class(config: Mapping[str, Any]) -> Schedule:
    kind = config['_class_name']
    if kind not in _BY_CLASS:
        raise ValueError(
            f'The scheduler {kind} is not known here, so what its network is told about the noise '
            f'would be a guess. Known are {", ".join(_BY_CLASS)}. If the model was trained with '
            "one of these processes, say so: schedule='linear', 'cosine', 'edm', 'flow' or 've'."
        )
    if config.get('use_flow_sigmas'):
        return FlowSchedule.from_scheduler(config)
    return _BY_CLASS[kind](config)
