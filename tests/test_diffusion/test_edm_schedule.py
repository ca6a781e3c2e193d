# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from diffusers import EDMDPMSolverMultistepScheduler, EDMEulerScheduler
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.diffusion import EDMSchedule, build_schedule
from mmdiffrep.diffusion.edm_schedule import precondition


@pytest.mark.parametrize(
    ('t', 'sigma'), [(0, 0.0), (1, 0.002), (3, 0.023), (4, 0.060), (5, 0.140), (18, 80.0)]
)
def test_timesteps_are_those_of_ddae(t, sigma):
    schedule = build_schedule('edm')
    assert schedule.num_timesteps == 19
    assert schedule.sigmas[t].item() == pytest.approx(sigma, abs=5e-4)
    assert schedule.nearest_timestep(sigma / math.sqrt(1 + sigma**2)) == t


def test_steps_are_those_of_diffusers():
    scheduler = EDMEulerScheduler(sigma_min=0.01, sigma_max=50, rho=5)
    scheduler.set_timesteps(12)
    ours = EDMSchedule(12, sigma_min=0.01, sigma_max=50, rho=5).sigmas.flip(0)
    torch.testing.assert_close(scheduler.sigmas.double(), ours, rtol=1e-6, atol=0)


@given(st.floats(1e-3, 100), st.floats(0.1, 2))
def test_preconditioning_keeps_unit_variance(sigma, data):
    c = precondition(torch.tensor(sigma, dtype=torch.float64), data)
    assert c.inward**2 * (data**2 + sigma**2) == pytest.approx(1)  # of the network's input
    # of its target (image - skip * x) / out, for an image of deviation `data`
    target = ((1 - c.skip) ** 2 * data**2 + (c.skip * sigma) ** 2) / c.out**2
    assert target == pytest.approx(1)
    assert c.noise == pytest.approx(math.log(sigma) / 4)


def test_preconditioning_is_that_of_diffusers():
    scheduler, sigma = EDMEulerScheduler(sigma_data=0.7), torch.tensor(0.3)
    x, output = torch.randn(2, 1, 3, 4, 4)
    c = precondition(sigma, 0.7)
    torch.testing.assert_close(c.inward * x, scheduler.precondition_inputs(x, sigma))
    denoised = scheduler.precondition_outputs(x, output, sigma)
    torch.testing.assert_close(c.skip * x + c.out * output, denoised)
    assert c.noise == scheduler.precondition_noise(sigma)


def test_noise_is_added_to_the_unscaled_image():
    schedule = build_schedule('edm')
    x0, eps = torch.randn(2, 3, 3, 2, 2)
    x_t = schedule.add_noise(x0, eps, torch.tensor([0, 4, 18]))
    assert torch.equal(x_t[0], x0[0])
    torch.testing.assert_close(x_t[1], x0[1] + schedule.sigmas[4].float() * eps[1])
    torch.testing.assert_close(x_t[2], x0[2] + 80 * eps[2])


def test_noise_levels_are_those_of_a_mixture_of_unit_variance():
    schedule = build_schedule('edm')
    t = torch.arange(19)
    expected = schedule.sigmas / (1 + schedule.sigmas**2).sqrt()
    torch.testing.assert_close(schedule.noise_level(t), expected.float())
    ddpm = build_schedule('linear')
    level = float(ddpm.noise_level(11))
    assert schedule.nearest_timestep(level) == 4  # DDAE's best timesteps have nearly the same noise


def test_network_is_told_of_the_noise():
    schedule = build_schedule('edm')
    x = torch.ones(2, 1, 1, 1)
    image, time = schedule.network_input(x, torch.tensor([0, 18]))
    inward = torch.tensor([2.0, 1 / math.sqrt(80**2 + 0.25)])
    torch.testing.assert_close(image.flatten(), inward, rtol=1e-5, atol=0)
    torch.testing.assert_close(time, torch.tensor([math.log(0.002), math.log(80)]) / 4)


@pytest.mark.parametrize('kind', [EDMEulerScheduler, EDMDPMSolverMultistepScheduler])
def test_diffusers_configs_are_read(kind):
    scheduler = kind(num_train_timesteps=18, sigma_data=0.6, prediction_type='v_prediction')
    for given_config in (scheduler.config, dict(scheduler.config)):
        schedule = build_schedule(given_config)
        assert (schedule.num_timesteps, schedule.sigma_data) == (19, 0.6)
        assert schedule.prediction_type == 'v_prediction'
    again = build_schedule(schedule.scheduler_config)
    assert torch.equal(again.sigmas, schedule.sigmas)


@pytest.mark.parametrize('t', [-1, 19, torch.tensor([0, 19])])
def test_timesteps_out_of_range(t):
    schedule = build_schedule('edm')
    x0 = torch.zeros(2, 3, 2, 2)
    with pytest.raises(ValueError, match=r'0 \.\. 18'):
        schedule.add_noise(x0, x0, t)


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(name='edm', num_steps=1), 'num_steps must be at least 2, got 1'),
        (dict(name='edm', sigma_min=0.0), r'sigma_min must be in .*, got 0.0'),
        (dict(name='edm', sigma_max=0.001), r'sigma_min must be in \(0, 0.001\)'),
        (dict(name='edm', sigma=1), "has no argument 'sigma'.*sigma_data"),
        (dict(name='edm', prediction_type='sample'), "'v_prediction'.*got 'sample'"),
        (dict(name='edm', prediction_type='eps'), "got 'eps'"),
        (EDMEulerScheduler(sigma_schedule='exponential').config, "got 'exponential'"),
        ('emd', "noise schedule must be one of .*got 'emd'.*edm"),
    ],
)
def test_bad_input_is_named(config, message):
    with pytest.raises(ValueError, match=message):
        build_schedule(config)
