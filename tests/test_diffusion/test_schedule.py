# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, ScoreSdeVeScheduler

from mmdiffrep.diffusion.schedule import NoiseSchedule, build_schedule

SCHEDULERS = [
    ('linear', DDPMScheduler()),
    (
        'scaled_linear',
        DDIMScheduler(beta_schedule='scaled_linear', beta_start=0.00085, beta_end=0.012),
    ),
    ('cosine', DDPMScheduler(beta_schedule='squaredcos_cap_v2')),
]


@pytest.mark.parametrize(('name', 'scheduler'), SCHEDULERS)
def test_add_noise_equals_diffusers(name, scheduler):
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 6, 3, 4, 5, generator=generator)
    t = torch.tensor([0, 1, 57, 500, 998, 999])
    expected = scheduler.add_noise(x0, eps, t)
    for schedule in (NoiseSchedule.preset(name), NoiseSchedule.from_scheduler(scheduler)):
        assert torch.equal(schedule.add_noise(x0, eps, t), expected)


def test_closed_form_of_the_linear_schedule():
    schedule = NoiseSchedule.preset('linear')
    abar = 1.0
    for step in range(1000):
        abar *= 1 - (1e-4 + (0.02 - 1e-4) * step / 999)
        assert schedule.alphas_cumprod[step].item() == pytest.approx(abar, rel=1e-4)
    assert schedule.num_timesteps == 1000


@pytest.mark.parametrize(('step', 'sigma'), [(1, 0.010), (50, 0.170), (101, 0.324), (250, 0.690)])
def test_noise_levels_of_the_linear_schedule(step, sigma):
    # sqrt(1 - abar) after so many steps, as tabulated for DDPM; timesteps count from 0
    assert build_schedule('linear').noise_level(step - 1).item() == pytest.approx(sigma, abs=1e-3)


def test_betas_are_real_under_the_meta_device():
    with torch.device('meta'):
        schedule = build_schedule('linear')
    assert torch.equal(schedule.alphas_cumprod, build_schedule('linear').alphas_cumprod)


def test_build_schedule_takes_configs():
    config = dict(DDPMScheduler(num_train_timesteps=20, prediction_type='v_prediction').config)
    schedule = build_schedule(config)
    assert (schedule.num_timesteps, schedule.prediction_type) == (20, 'v_prediction')
    assert build_schedule(dict(name='linear', num_timesteps=7, beta_end=0.5)).betas[-1] == 0.5
    assert build_schedule(schedule) is schedule


def test_wrong_arguments():
    with pytest.raises(ValueError, match="must be one of 'linear'"):
        build_schedule('lineal')
    with pytest.raises(ValueError, match='Did you mean num_timesteps'):
        build_schedule(dict(name='linear', num_timestep=10))
    with pytest.raises(ValueError, match="no beta_schedule 'linaer'"):
        build_schedule(dict(beta_schedule='linaer'))
    with pytest.raises(ValueError, match='cosine'):
        NoiseSchedule.preset('cosine', beta_end=0.1)
    with pytest.raises(ValueError, match='no betas'):
        NoiseSchedule.from_scheduler(ScoreSdeVeScheduler())
    with pytest.raises(ValueError, match='prediction_type'):
        NoiseSchedule([0.1], prediction_type='eps')
    with pytest.raises(ValueError, match=r'\(0, 1\]'):
        NoiseSchedule([0.1, 1.5])
    with pytest.raises(ValueError, match='shape'):
        build_schedule(None).add_noise(torch.zeros(2, 3, 2, 2), torch.zeros(1, 3, 2, 2), 0)
