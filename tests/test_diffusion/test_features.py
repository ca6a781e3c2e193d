# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.diffusion.features import read_features
from mmdiffrep.diffusion.noise import NoiseSource, build_noise
from mmdiffrep.diffusion.schedule import NoiseSchedule


class EchoDenoiser(torch.nn.Module):
    """Returns what it was given, so that the input can be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = NoiseSchedule.preset('linear')

    def clean(self, images):
        return images

    def forward(self, x_t, t, cond=None, taps=()):
        given = dict(x_t=x_t, t=t, cond=cond and cond.labels)
        return {tap: given[tap] for tap in taps}


@pytest.fixture
def images():
    return torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_every_image_meets_every_timestep(images):
    labels = torch.tensor([5, 6, 7])
    read = read_features(
        EchoDenoiser(), images, [9, 2], ['x_t', 't', 'cond'], build_noise('none'), labels
    )
    assert list(read) == [(t, tap) for t in (9, 2) for tap in ('x_t', 't', 'cond')]
    for t in (9, 2):
        assert torch.equal(read[t, 'x_t'], images)
        assert read[t, 't'].tolist() == [t] * 3
        assert torch.equal(read[t, 'cond'].long(), labels)


def test_noise_has_the_timestep_strength(images):
    denoiser = EchoDenoiser()
    read = read_features(denoiser, images, [9, 900], ['x_t'], build_noise('shared'))
    eps = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
    for t in (9, 900):
        alpha_bar = denoiser.schedule.alphas_cumprod[t]
        expected = alpha_bar.sqrt() * images + (1 - alpha_bar).sqrt() * eps
        torch.testing.assert_close(read[t, 'x_t'], expected)


def test_fresh_noise_differs_between_timesteps_and_follows_the_generator(images):
    drawn = []

    class Recorded(NoiseSource):
        def __call__(self, images, generator=None, shape=None):
            drawn.append(build_noise('fresh')(images, generator, shape))
            return drawn[-1]

    for _ in range(2):
        generator = torch.Generator().manual_seed(4)
        read_features(EchoDenoiser(), images, [1, 2], ['t'], Recorded(), generator=generator)
    assert not torch.equal(drawn[0][:3], drawn[0][3:])
    assert torch.equal(drawn[0], drawn[1])


@pytest.mark.parametrize('size', [1, 2, 5, 100])
def test_passes_of_limited_size_give_the_whole_batch(images, size):
    whole = read_features(EchoDenoiser(), images, [9, 2], ['x_t', 't'], build_noise('shared'))
    sizes = []

    class Counted(EchoDenoiser):
        def forward(self, x_t, t, cond=None, taps=()):
            sizes.append(len(x_t))
            return super().forward(x_t, t, cond, taps)

    labels = torch.tensor([5, 6, 7])
    parts = read_features(
        Counted(),
        images,
        [9, 2],
        ['x_t', 't', 'cond'],
        build_noise('shared'),
        labels,
        pass_size=size,
    )
    assert max(sizes) <= size and sum(sizes) == 6
    for key, value in whole.items():
        assert torch.equal(parts[key], value)
    assert parts[2, 'cond'].tolist() == [5, 6, 7]


def test_one_channel_networks_see_the_luminance(images):
    class Gray(EchoDenoiser):
        def clean(self, images):
            return images.mean(1, keepdim=True)

    read = read_features(Gray(), images, [900], ['x_t'], build_noise('per_image'))
    assert read[900, 'x_t'].shape == (3, 1, 4, 4)
