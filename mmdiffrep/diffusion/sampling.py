# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""New images from a denoiser, each a function of its own seed."""

import difflib
from typing import Dict, Sequence, Type, Union

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import Tensor

from mmdiffrep.diffusion.denoisers import Denoiser

SAMPLERS: Dict[str, Union[Type[DDPMScheduler], Type[DDIMScheduler]]] = {
    'ddpm': DDPMScheduler,
    'ddim': DDIMScheduler,
}


def check_sampler(name: str) -> None:
    """Checks the name of a sampler.

    Raises:
        ValueError: It is not in ``SAMPLERS``.
    """
    if name not in SAMPLERS:
        near = difflib.get_close_matches(name, SAMPLERS)
        hint = f'; did you mean {near[0]!r}?' if near else ''
        raise ValueError(f'sampler is {name!r}, expected one of {sorted(SAMPLERS)}{hint}')


@torch.no_grad()
def sample_images(
    denoiser: Denoiser, seeds: Sequence[int], sampler: str = 'ddim', num_steps: int = 50
) -> Tensor:
    """Draws an image for each seed, whatever the batch and the device.

    Args:
        denoiser: A whole, unconditional one of RGB images. A variance that it predicts is used by
            ``'ddpm'``, as in guided-diffusion.
        seeds: One for each image.
        sampler: ``'ddim'``, deterministic given the first noise, or ``'ddpm'``, ancestral, which
            needs about as many steps as the schedule has. Defaults to ``'ddim'``.
        num_steps: Network evaluations of each image. Defaults to 50.

    Returns:
        RGB images (B, 3, S, S) in [-1, 1], S the side that the denoiser was trained at.

    Raises:
        ValueError: Unknown sampler, steps out of range, or a denoiser that was truncated or needs
            more than images.
    """
    check_sampler(sampler)
    schedule = denoiser.schedule
    if not 1 <= num_steps <= schedule.num_timesteps:
        raise ValueError(f'num_steps must be 1 to {schedule.num_timesteps}, got {num_steps}')
    denoiser.require_images_only()
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    shape = (denoiser.in_channels, denoiser.image_size, denoiser.image_size)
    device = next(denoiser.parameters()).device
    images = torch.stack([torch.randn(shape, generator=one) for one in generators]).to(device)
    scheduler = _scheduler(denoiser, sampler)
    scheduler.set_timesteps(num_steps)
    for t in scheduler.timesteps.tolist():
        output = denoiser.predict(images, t).float()
        if sampler == 'ddim':
            output = output[:, : shape[0]]  # a predicted variance has no use there
        images = scheduler.step(output, t, images, generator=generators).prev_sample
    return images.clamp(-1, 1)


def _scheduler(denoiser: Denoiser, sampler: str) -> Union[DDPMScheduler, DDIMScheduler]:
    schedule = denoiser.schedule
    options = dict(
        num_train_timesteps=schedule.num_timesteps,
        trained_betas=schedule.betas.numpy(),
        prediction_type=schedule.prediction_type,
    )
    if sampler == 'ddpm' and denoiser.settings['out_channels'] == 2 * denoiser.in_channels:
        options['variance_type'] = 'learned_range'
    return SAMPLERS[sampler](**options)
