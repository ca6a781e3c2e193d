# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train a DDPM, for example as a teacher."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from torch import Tensor, nn

from mmdiffrep.diffusion.schedule_base import PREDICTIONS
from mmdiffrep.models.algorithms.diffusion_model import DiffusionModel
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import equal, one_of, positive


class DDPMDraw(NamedTuple):
    """Random numbers of one iteration.

    Attributes:
        timesteps: (B,) long.
        noise: Standard normal (B, C, H, W).
    """

    timesteps: Tensor
    noise: Tensor


@MODELS.register_module()
class DDPM(DiffusionModel):
    """Denoising diffusion probabilistic model (Ho et al. 2020, the simple loss of equation 14).

    Args:
        unet: Keyword arguments of ``diffusers.UNet2DModel``. ``sample_size`` is required.
        scheduler: Keyword arguments of ``diffusers.DDPMScheduler``. Defaults to the linear betas
            with 1000 timesteps and the noise as the target, as in the paper and in
            ``google/ddpm-celebahq-256``.
        data_preprocessor: It must give RGB images in [-1, 1], which is checked on the first
            batches; ``ImgDataPreprocessor`` with mean and std 127.5 does.
        timestep_logits: ``(mean, std)`` of a logit-normal distribution of the relative timestep
            ``t / T`` in training (Esser et al. 2024, section 3.1). Defaults to None: uniform
            (paper).
        seed: Seed of timesteps and noise in training.
        bf16: Train the U-Net under bfloat16 autocast, without loss scaling and on CPUs too
            (``AmpOptimWrapper`` refuses CPUs). ``'auto'``: where the device has matrix units for
            bfloat16, see :func:`~mmdiffrep.diffusion.precision.fastest_dtype`. Defaults to False.
        zero_init: Start each residual branch and the output at zero, as the paper's code does
            (``init_scale=0``); diffusers does not. Defaults to True.
        init_cfg: mmengine's initialization config.

    Raises:
        ValueError: If ``unet`` has no ``sample_size`` in pixels, the scheduler's
            ``prediction_type`` is unknown, or ``timestep_logits`` are not (mean, std > 0).
    """

    def __init__(
        self,
        unet: dict,
        scheduler: dict | None = None,
        data_preprocessor: dict | nn.Module | None = None,
        timestep_logits: tuple[float, float] | None = None,
        seed: int = 0,
        bf16: bool | str = False,
        zero_init: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        if timestep_logits is not None:
            equal('The length of timestep_logits (mean, std)', len(timestep_logits), 2)
            positive('The std of timestep_logits', timestep_logits[1])
        check_arguments(scheduler or {}, DDPMScheduler, 'scheduler')
        with torch.device('cpu'):  # a network built on the meta device needs real betas
            built = DDPMScheduler(**(scheduler or {}))
        one_of('scheduler.prediction_type', built.config.prediction_type, PREDICTIONS)
        super().__init__(unet, built, data_preprocessor, seed, bf16, zero_init, init_cfg)
        self.timestep_logits = timestep_logits

    def draw(self, images: Tensor) -> DDPMDraw:
        """Draw timesteps and noise of the current iteration for this rank's images.

        Args:
            images: Batch (B, C, H, W) that gives size and device.
        """
        streams = self.streams(images)
        fraction = streams.uniforms(1)[:, 0]
        if self.timestep_logits is not None:
            mean, std = self.timestep_logits
            fraction = (torch.special.ndtri(fraction) * std + mean).sigmoid()
        last = self.scheduler.config.num_train_timesteps - 1
        timesteps = (fraction * (last + 1)).long().clamp(max=last)  # rounding may reach 1
        return DDPMDraw(timesteps.to(images.device, non_blocking=True), streams.noise(images))

    def output(self, images: Tensor, draw: DDPMDraw) -> Tensor:
        """Return the network's output for the noised images (B, C, H, W)."""
        noisy = self.scheduler.add_noise(images, draw.noise, draw.timesteps)
        with self.precision(images.device.type):
            return self.unet(noisy, draw.timesteps).sample

    def loss(self, images: Tensor, draw: DDPMDraw) -> dict[str, Tensor]:
        """Compute the mean squared error between the network's output and its target.

        Args:
            images: Clean RGB images (B, C, H, W) in [-1, 1].
            draw: See :meth:`draw`.

        Returns:
            ``{'loss_denoise': scalar}``.
        """
        target = {
            'epsilon': lambda: draw.noise,
            'sample': lambda: images,
            'v_prediction': lambda: self.scheduler.get_velocity(images, draw.noise, draw.timesteps),
        }[self.scheduler.config.prediction_type]()
        return {'loss_denoise': F.mse_loss(self.output(images, draw).float(), target)}

    def _write(self, folder: str, unet: UNet2DModel) -> None:
        """Write a ``DDPMPipeline`` folder: model_index.json, unet/ and scheduler/."""
        DDPMPipeline(unet=unet, scheduler=self.scheduler).save_pretrained(folder)
