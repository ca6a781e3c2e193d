# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Sample images from a diffusion model with diffusers' schedulers."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from diffusers import DDIMScheduler, DDPMScheduler, EDMEulerScheduler, HeunDiscreteScheduler
from torch import Tensor

from mmdiffrep.diffusion.denoisers import Denoiser
from mmdiffrep.diffusion.edm_heun import EDMHeunScheduler
from mmdiffrep.utils.checks import integer, one_of, within

# ddpm: ancestral, takes about as many steps as the schedule has. ddim: deterministic, first order;
# for EDM that is Euler's method. heun: deterministic, second order, two evaluations per step except
# in the last.
SAMPLERS = ('ddpm', 'ddim', 'heun')
_WITH_BETAS = dict(ddpm=DDPMScheduler, ddim=DDIMScheduler, heun=HeunDiscreteScheduler)


class Sampler(NamedTuple):
    """A sampling scheduler, and whether its steps draw random numbers.

    Attributes:
        scheduler: Scheduler with the methods of diffusers'.
        is_random: Whether its steps take a generator.
        max_steps: The most steps that it can take; 0: any number.
    """

    scheduler: Any
    is_random: bool
    max_steps: int

    def check_steps(self, num_steps: int) -> None:
        """Check a number of steps.

        Raises:
            ValueError: Out of range.
        """
        within('num_steps', integer('num_steps', num_steps, 1), 1, self.max_steps or math.inf)


def check_sampler(name: str) -> None:
    """Check the name of a sampler.

    Raises:
        ValueError: It is not in ``SAMPLERS``.
    """
    one_of('sampler', name, SAMPLERS)


def build_sampler(name: str, config: Mapping[str, Any]) -> Sampler:
    """Build a sampler for a model.

    Args:
        name: One of ``SAMPLERS``.
        config: Config of the diffusers scheduler that the model was trained with.

    Raises:
        ValueError: Unknown name, ``'ddpm'`` for an EDM model, or another process than these two.
    """
    check_sampler(name)
    if 'time_scale' in config or not {'sigma_data', 'trained_betas', 'beta_schedule'} & set(config):
        raise ValueError(
            'This model can be read but not sampled: there are samplers for models with betas and '
            f'for EDM, and its schedule has {sorted(config)}.'
        )
    if 'sigma_data' not in config:
        # Heun's scheduler has other defaults than those of DDPM and DDIM
        config = {'clip_sample': True, 'timestep_spacing': 'leading', **config}
        scheduler: Any = _WITH_BETAS[name].from_config(config)
        return Sampler(scheduler, name == 'ddpm', scheduler.config.num_train_timesteps)
    if name == 'ddpm':
        raise ValueError("sampler is 'ddpm', but an EDM model has no betas: take 'heun' or 'ddim'")
    if name == 'heun':
        return Sampler(EDMHeunScheduler(config), False, 0)
    return Sampler(EDMEulerScheduler.from_config(dict(config)), False, 0)


@torch.no_grad()
def run_sampler(
    sampler: Sampler,
    network: Callable[[Tensor, Tensor], Tensor],
    noise: Tensor,
    num_steps: int,
    generator: None | torch.Generator | list[torch.Generator] = None,
) -> Tensor:
    """Turn noise into images.

    Args:
        sampler: See :func:`build_sampler`.
        network: Returns the network's output for its images and their common time.
        noise: Standard normal (B, C, H, W).
        num_steps: Steps of the sampler.
        generator: Generator of a random sampler, or one per image; None: torch's state.

    Returns:
        Images (B, C, H, W) in [-1, 1].

    Raises:
        ValueError: Steps out of range.
    """
    sampler.check_steps(num_steps)
    scheduler = sampler.scheduler
    scheduler.set_timesteps(num_steps)
    options = dict(generator=generator) if sampler.is_random else {}
    images = noise * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        output = network(scheduler.scale_model_input(images, t), t)
        images = scheduler.step(output, t, images, **options).prev_sample
    return images.clamp(-1, 1)


def image_seeds(seed: int, indices: Iterable[int]) -> list[int]:
    """Return a seed for each image of a set, for :func:`sample_images`.

    Images of one set differ, and so do sets of different seeds. torch's CPU generators read only
    32 bits of a seed, so the seed of the set cannot use the higher bits.

    Args:
        seed: Seed of the set.
        indices: Indices of the images, from 0.
    """
    start = seed * 0x9E3779B1  # 2^32 over the golden ratio: its multiples lie far apart
    return [(start + index) % 2**32 for index in indices]


def sample_images(
    denoiser: Denoiser, seeds: Sequence[int], sampler: str = 'ddim', num_steps: int = 50
) -> Tensor:
    """Sample one image per seed, independent of the batch and the device.

    Args:
        denoiser: A whole, unconditional denoiser of RGB images. A variance that it predicts is used
            by ``'ddpm'``, as in guided-diffusion.
        seeds: One seed per image.
        sampler: ``'ddim'``, deterministic given the first noise, ``'heun'``, likewise but of second
            order (two network evaluations per step), or ``'ddpm'``, ancestral, which needs about as
            many steps as the schedule has. Defaults to ``'ddim'``.
        num_steps: Steps per image. Defaults to 50.

    Returns:
        RGB images (B, 3, S, S) in [-1, 1], S the side that the denoiser was trained at.

    Raises:
        ValueError: Unknown sampler, one that does not fit the model, steps out of range, or a
            denoiser that was truncated or needs more than images.
    """
    config = dict(denoiser.schedule.scheduler_config)
    learned = denoiser.settings['out_channels'] == 2 * denoiser.in_channels and sampler == 'ddpm'
    if learned:
        config['variance_type'] = 'learned_range'
    built = build_sampler(sampler, config)
    denoiser.require_images_only()
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    shape = (denoiser.in_channels, denoiser.image_size, denoiser.image_size)
    device = next(denoiser.parameters()).device
    noise = torch.stack([torch.randn(shape, generator=source) for source in generators]).to(device)
    channels = None if learned else denoiser.in_channels  # other samplers read no variance

    def network(image: Tensor, time: Tensor) -> Tensor:
        return denoiser.network_output(image, time).float()[:, :channels]

    return run_sampler(built, network, noise, num_steps, generators)
