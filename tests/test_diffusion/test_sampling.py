# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from diffusers import DDIMScheduler
from torch import nn

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.sampling import check_sampler, image_seeds, sample_images
from mmdiffrep.diffusion.schedule import NoiseSchedule
from mmdiffrep.testing import tiny_teacher


@pytest.fixture(scope='module')
def denoiser():
    torch.manual_seed(0)
    return load_denoiser(tiny_teacher()).freeze()


@pytest.mark.parametrize('sampler', ['ddim', 'ddpm', 'heun'])
def test_an_image_is_a_function_of_its_seed(denoiser, sampler):
    together = sample_images(denoiser, [3, 4, 5], sampler, num_steps=4)
    assert together.shape == (3, 3, 16, 16) and together.abs().max() <= 1
    alone = sample_images(denoiser, [4], sampler, num_steps=4)
    assert torch.allclose(together[1], alone[0], atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=0.1)


class Oracle(nn.Module):
    """Knows the image, and so the noise: DDIM must find the image."""

    in_channels, image_size = 3, 8

    def __init__(self, variance):
        super().__init__()
        self.schedule = NoiseSchedule.preset('linear', 100)
        self.image = nn.Parameter(torch.linspace(-0.9, 0.9, 192).view(1, 3, 8, 8))
        self.variance = variance
        self.settings = dict(out_channels=6)

    def require_images_only(self):
        pass

    def network_output(self, x_t, t):
        abar = self.schedule.alphas_cumprod[t.long()]
        eps = (x_t - abar.sqrt() * self.image) / (1 - abar).sqrt()
        return torch.cat([eps, torch.full_like(eps, self.variance)], dim=1)


@pytest.mark.parametrize('sampler', ['ddim', 'ddpm', 'heun'])
def test_the_image_that_the_denoiser_knows_is_found(sampler):
    oracle = Oracle(variance=-1.0)
    images = sample_images(oracle, [0, 1], sampler, num_steps=100)
    assert torch.allclose(images, oracle.image.expand(2, -1, -1, -1), atol=0.05)


def test_a_predicted_variance_is_used_by_the_ancestral_sampler_alone():
    narrow, wide = Oracle(variance=-1.0), Oracle(variance=1.0)
    same = [sample_images(one, [0], 'ddim', 2) for one in (narrow, wide)]
    other = [sample_images(one, [0], 'ddpm', 50) for one in (narrow, wide)]
    assert torch.equal(*same) and not torch.equal(*other)


def test_as_the_pipeline_of_diffusers(denoiser):
    scheduler = DDIMScheduler(num_train_timesteps=20, trained_betas=denoiser.schedule.betas.numpy())
    scheduler.set_timesteps(5)
    image = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(7))[None]
    with torch.no_grad():
        for t in scheduler.timesteps:
            image = scheduler.step(denoiser.predict(image, int(t)), t, image).prev_sample
    assert torch.allclose(sample_images(denoiser, [7], 'ddim', 5), image.clamp(-1, 1), atol=1e-5)


@pytest.mark.parametrize('num_steps', [0, 21])
def test_steps_out_of_range(denoiser, num_steps):
    with pytest.raises(ValueError, match=rf'num_steps must be .*, got {num_steps}'):
        sample_images(denoiser, [0], num_steps=num_steps)


def test_sets_of_images_differ():
    seeds = [image_seeds(seed, range(1000)) for seed in range(20)]
    assert seeds[0] == list(range(1000))
    assert len({one for some in seeds for one in some}) == 20_000
    # torch's CPU generators read 32 bits of a seed
    noise = [torch.randn(4, generator=torch.Generator().manual_seed(some[0])) for some in seeds]
    assert len({tuple(one.tolist()) for one in noise}) == 20


def test_unknown_sampler():
    with pytest.raises(ValueError, match='Did you mean ddim'):
        check_sampler('dim')


def test_truncated_denoiser():
    with pytest.raises(ValueError, match='was truncated'):
        sample_images(load_denoiser(tiny_teacher(), taps=['mid']), [0], num_steps=1)
