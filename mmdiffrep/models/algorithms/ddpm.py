# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train an unconditional diffusion model, so that a project can make a teacher of its own.

The network and the schedulers are diffusers' own; only the training objective and its random draw
live here. What comes out is a plain ``DDPMPipeline`` folder that any diffusers user can load.
"""

import copy
import hashlib
import logging
import os
import shutil
from contextlib import nullcontext
from typing import ContextManager, Dict, List, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from mmengine.dist import get_rank
from mmengine.logging import print_log
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmdiffrep.diffusion.sampling import SAMPLERS, check_sampler
from mmdiffrep.registry import MODELS

_TARGETS = ('epsilon', 'sample', 'v_prediction')
_TOLERANCE = 0.05  # interpolation and augmentation may leave [-1, 1] a little


@MODELS.register_module()
class DDPM(BaseModel):
    """Denoising diffusion probabilistic model (Ho et al. 2020, the simple loss of equation 14).

    The timesteps and the noise of an iteration depend on ``(seed, iteration, rank)`` alone, and the
    iteration is a buffer of the checkpoint, so a resumed run draws what an undisturbed one would.

    Args:
        unet: Keyword arguments of ``diffusers.UNet2DModel``. ``sample_size`` is required.
        scheduler: Keyword arguments of ``diffusers.DDPMScheduler``. Defaults to the linear betas
            with 1000 timesteps and the noise as the target, as in the paper and in
            ``google/ddpm-celebahq-256``.
        data_preprocessor: It must give RGB images in [-1, 1], which is checked on the first
            batches; ``ImgDataPreprocessor`` with mean and std 127.5 does.
        timestep_logits: ``(mean, std)`` of a logit-normal distribution of the relative timestep
            ``t / T`` in training (Esser et al. 2024, section 3.1). Defaults to None: uniform, as in
            the paper.
        seed: Seed of the training draw.
        bf16: Train the U-Net under bfloat16 autocast, which needs no loss scaling and works on CPUs
            too (``AmpOptimWrapper`` refuses them). Defaults to False.
        zero_init: Start each residual branch and the output at zero, as the paper's code does
            (``init_scale=0``); diffusers does not. Defaults to True.
        init_cfg: mmengine's initialisation config.

    Raises:
        ValueError: If ``unet`` has no ``sample_size`` in pixels, the scheduler's
            ``prediction_type`` is unknown, or ``timestep_logits`` are not (mean, std > 0).
    """

    def __init__(
        self,
        unet: dict,
        scheduler: Optional[dict] = None,
        data_preprocessor: Optional[Union[dict, nn.Module]] = None,
        timestep_logits: Optional[Tuple[float, float]] = None,
        seed: int = 0,
        bf16: bool = False,
        zero_init: bool = True,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if not isinstance(unet.get('sample_size'), int):
            raise ValueError(
                f'unet.sample_size is {unet.get("sample_size")!r}: give the side of the square '
                'training images in pixels, for instance unet=dict(sample_size=64, ...)'
            )
        if timestep_logits is not None and (len(timestep_logits) != 2 or timestep_logits[1] <= 0):
            raise ValueError(
                f'timestep_logits is {timestep_logits}, expected (mean, std) with std > 0'
            )
        self.unet = UNet2DModel(**unet)
        self.scheduler = DDPMScheduler(**(scheduler or {}))
        if self.scheduler.config.prediction_type not in _TARGETS:
            raise ValueError(
                f'scheduler.prediction_type is {self.scheduler.config.prediction_type!r}, expected '
                f'one of {_TARGETS}'
            )
        self.timestep_logits = timestep_logits
        self.seed = seed
        self.bf16 = bf16
        self.batches_to_check = 2
        self.register_buffer('iteration', torch.zeros((), dtype=torch.long))
        if zero_init:
            _zero_residual_branches(self.unet)

    def forward(
        self,
        inputs: Tensor,
        data_samples: Optional[list] = None,
        mode: str = 'tensor',
    ) -> Union[Dict[str, Tensor], Tensor, List[Tensor]]:
        """Run the model in one of mmengine's three modes.

        Args:
            inputs: RGB images (B, C, H, W) in [-1, 1].
            data_samples: Not read: the model is unconditional.
            mode: ``'loss'``: the training loss of this iteration's draw, which also advances the
                iteration in training mode. ``'tensor'``: the network's output (B, C, H, W) for the
                same draw. ``'predict'``: one freshly sampled image (C, H, W) in [-1, 1] for each
                input, seeded by ``seed``.

        Returns:
            A dict of losses, a tensor or a list of images, by mode.

        Raises:
            ValueError: If the mode is unknown, or the images of the first training batches have
                another size or range.
        """
        if mode == 'loss':
            self._check_images(inputs)
            timesteps, noise = self.draw(inputs)
            losses = self.loss(inputs, timesteps, noise)
            if self.training:
                self.iteration += 1
            return losses
        if mode == 'tensor':
            timesteps, noise = self.draw(inputs)
            return self.unet(self.scheduler.add_noise(inputs, noise, timesteps), timesteps).sample
        if mode == 'predict':
            generator = torch.Generator(inputs.device).manual_seed(self.seed)
            return list(self.sample(len(inputs), generator=generator))
        raise ValueError(f"mode is {mode!r}, expected 'loss', 'tensor' or 'predict'")

    def draw(self, images: Tensor) -> Tuple[Tensor, Tensor]:
        """Timesteps and noise of the current iteration on this rank.

        Args:
            images: Batch (B, C, H, W) that gives size and device.

        Returns:
            Timesteps (B,) long and standard normal noise (B, C, H, W).
        """
        key = f'{self.seed}/{int(self.iteration)}/{get_rank()}'
        generator = torch.Generator(images.device).manual_seed(_stable_seed(key))
        shape, device = (len(images),), images.device
        if self.timestep_logits is None:
            fraction = torch.rand(shape, generator=generator, device=device)
        else:
            mean, std = self.timestep_logits
            logits = torch.randn(shape, generator=generator, device=device) * std + mean
            fraction = logits.sigmoid()
        last = self.scheduler.config.num_train_timesteps - 1
        timesteps = (fraction * (last + 1)).long().clamp(max=last)  # rounding may reach 1
        noise = torch.randn(images.shape, generator=generator, device=device)
        return timesteps, noise

    def loss(self, images: Tensor, timesteps: Tensor, noise: Tensor) -> Dict[str, Tensor]:
        """Mean squared error between the network's output and its target.

        Args:
            images: Clean RGB images (B, C, H, W) in [-1, 1].
            timesteps: (B,) long.
            noise: Standard normal (B, C, H, W).

        Returns:
            ``{'loss_denoise': scalar}``.
        """
        noisy = self.scheduler.add_noise(images, noise, timesteps)
        with self._precision(images.device.type):
            output = self.unet(noisy, timesteps).sample
        target = {
            'epsilon': lambda: noise,
            'sample': lambda: images,
            'v_prediction': lambda: self.scheduler.get_velocity(images, noise, timesteps),
        }[self.scheduler.config.prediction_type]()
        return {'loss_denoise': F.mse_loss(output.float(), target)}

    def _check_images(self, images: Tensor) -> None:
        """Checks size and range; on the first batches only, as the range is read back."""
        if self.batches_to_check == 0:
            return
        self.batches_to_check -= 1
        channels, side = self.unet.config.in_channels, self.unet.config.sample_size
        if images.shape[1:] != (channels, side, side):
            raise ValueError(
                f'Expected images (B, {channels}, {side}, {side}), got shape '
                f'{tuple(images.shape)}: resize in the pipeline, or set unet.sample_size.'
            )
        low, high = float(images.min()), float(images.max())
        advice = (
            "give the model data_preprocessor=dict(type='ImgDataPreprocessor', mean=[127.5] * 3, "
            'std=[127.5] * 3, bgr_to_rgb=True).'
        )
        if not -1 - _TOLERANCE <= low <= high <= 1 + _TOLERANCE:
            raise ValueError(
                f'Expected images in [-1, 1], got values in {low:.4g} .. {high:.4g}: {advice}'
            )
        if low >= 0:
            print_log(
                f'The images lie in {low:.3g} .. {high:.3g}, where [-1, 1] is expected; if they '
                f'are in [0, 1], {advice}',
                logger='current',
                level=logging.WARNING,
            )

    def _precision(self, device_type: str) -> ContextManager[None]:
        if not self.bf16:
            return nullcontext()  # an AmpOptimWrapper's autocast stays in force
        return torch.autocast(device_type, dtype=torch.bfloat16)

    @torch.no_grad()
    def sample(
        self,
        num: int,
        generator: Optional[torch.Generator] = None,
        num_inference_steps: int = 50,
        sampler: str = 'ddim',
    ) -> Tensor:
        """Draw images from the model.

        Args:
            num: Number of images.
            generator: Generator on the model's device; the result is a function of it. Defaults to
                None, the global one.
            num_inference_steps: Network evaluations of each image. Defaults to 50.
            sampler: ``'ddim'`` (deterministic given the first noise) or ``'ddpm'`` (ancestral; use
                about as many steps as the schedule has).

        Returns:
            RGB images (num, C, H, W) in [-1, 1].

        Raises:
            ValueError: If the sampler is unknown.
        """
        check_sampler(sampler)
        scheduler = SAMPLERS[sampler].from_config(self.scheduler.config)
        scheduler.set_timesteps(num_inference_steps)
        config, device = self.unet.config, self.unet.device
        shape = (num, config.in_channels, config.sample_size, config.sample_size)
        images = torch.randn(shape, generator=generator, device=device)
        was_training = self.training
        self.eval()
        for timestep in scheduler.timesteps:
            output = self.unet(images, timestep.to(device)).sample
            images = scheduler.step(output, timestep, images, generator=generator).prev_sample
        self.train(was_training)
        return images.clamp(-1, 1)

    def save_pretrained(self, folder: str, dtype: torch.dtype = torch.float16) -> None:
        """Write a ``DDPMPipeline`` folder: model_index.json, unet/ and scheduler/.

        The folder appears, or replaces an older one, only when it is complete. The older one is
        moved aside to ``<folder>.old`` for that instant.

        Args:
            folder: Where to write.
            dtype: Type of the stored weights (safetensors). Defaults to half precision.
        """
        partial, old = f'{os.path.normpath(folder)}.partial', f'{os.path.normpath(folder)}.old'
        shutil.rmtree(partial, ignore_errors=True)
        unet = copy.deepcopy(self.unet).to(dtype)
        DDPMPipeline(unet=unet, scheduler=self.scheduler).save_pretrained(partial)
        if os.path.isdir(folder):
            shutil.rmtree(old, ignore_errors=True)
            os.replace(folder, old)
        os.replace(partial, folder)
        shutil.rmtree(old, ignore_errors=True)


def _stable_seed(key: str) -> int:
    """A seed of 64 bits from a text, well mixed and the same in every process."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), 'little') >> 1


def _zero_residual_branches(unet: UNet2DModel) -> None:
    """Zero the last layer of each residual branch, and the output layer."""
    for module in unet.modules():
        if module.__class__.__name__ == 'ResnetBlock2D':
            nn.init.zeros_(module.conv2.weight)
            nn.init.zeros_(module.conv2.bias)
        elif module.__class__.__name__ == 'Attention':
            nn.init.zeros_(module.to_out[0].weight)
            nn.init.zeros_(module.to_out[0].bias)
    nn.init.zeros_(unet.conv_out.weight)
    nn.init.zeros_(unet.conv_out.bias)
