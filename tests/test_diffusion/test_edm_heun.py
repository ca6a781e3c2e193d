# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import itertools

import pytest
import torch
from diffusers import EDMEulerScheduler

from mmdiffrep.diffusion.edm_heun import EDMHeunScheduler
from mmdiffrep.diffusion.edm_schedule import precondition, sigma_steps
from mmdiffrep.diffusion.sampling import build_sampler, run_sampler

DATA = 0.5
CONFIG = EDMEulerScheduler().config


def network(image, time):
    """Some network whose output depends on both."""
    return torch.tanh(image.roll(1, -1) * 1.5 + time)


def denoise(x, sigma):
    c = precondition(sigma.float(), DATA)
    return (c.skip * x + c.out * network(c.inward * x, c.noise)).clamp(-1, 1)


def test_is_algorithm_1_of_the_paper():
    noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    sigmas = [*sigma_steps(6, 0.002, 80, 7).flip(0), torch.tensor(0.0)]
    x = noise * 80
    for now, then in itertools.pairwise(sigmas):
        slope = (x - denoise(x, now)) / now
        moved = x + (then - now) * slope
        if then > 0:
            slope = (slope + (moved - denoise(moved, then)) / then) / 2
            moved = x + (then - now) * slope
        x = moved.float()
    ours = run_sampler(build_sampler('heun', CONFIG), network, noise, 6)
    torch.testing.assert_close(ours, x.clamp(-1, 1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(('sampler', 'steps', 'calls'), [('heun', 5, 9), ('ddim', 5, 5)])
def test_network_evaluations(sampler, steps, calls):
    times = []

    def counted(image, time):
        times.append(float(time))
        return network(image, time)

    run_sampler(build_sampler(sampler, CONFIG), counted, torch.zeros(1, 3, 2, 2), steps)
    assert len(times) == calls
    assert times[0] == pytest.approx(torch.log(torch.tensor(80.0)) / 4)
    assert times[-1] == pytest.approx(torch.log(torch.tensor(0.002)) / 4)


@pytest.mark.parametrize('sampler', ['heun', 'ddim'])
def test_the_image_that_the_network_knows_is_found(sampler):
    image = torch.linspace(-0.9, 0.9, 48).view(1, 3, 4, 4)

    def oracle(scaled, time):
        c = precondition((4 * time).exp(), DATA)
        return (image - c.skip * scaled / c.inward) / c.out

    noise = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    found = run_sampler(build_sampler(sampler, CONFIG), oracle, noise, 18)
    torch.testing.assert_close(found, image, rtol=0, atol=1e-3)


def test_the_opposite_sign_is_the_opposite_network():
    config = EDMEulerScheduler(prediction_type='v_prediction').config
    noise = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    first = run_sampler(build_sampler('heun', CONFIG), network, noise, 4)
    second = run_sampler(
        build_sampler('heun', config), lambda image, time: -network(image, time), noise, 4
    )
    assert torch.equal(first, second)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r'rho .* must be 7\.0, got 5'):
        EDMHeunScheduler(EDMEulerScheduler(rho=5).config)
    with pytest.raises(ValueError, match="no betas: take 'heun' or 'ddim'"):
        build_sampler('ddpm', CONFIG)
    with pytest.raises(ValueError, match='at least 1, got 0'):
        build_sampler('heun', CONFIG).check_steps(0)
