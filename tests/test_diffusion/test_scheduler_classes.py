# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The time that a network is told follows from the class of its scheduler."""

import diffusers
import pytest
import torch
from diffusers import (
    CMStochasticIterativeScheduler,
    EDMEulerScheduler,
)

from mmdiffrep.diffusion import build_schedule
from mmdiffrep.diffusion.sampling import build_sampler
from mmdiffrep.diffusion.schedule import NoiseSchedule

X, EPS = torch.randn(3, 3, 8, 8), torch.randn(3, 3, 8, 8)
UNET = dict(
    sample_size=8,
    block_out_channels=(8, 8),
    norm_num_groups=4,
    layers_per_block=1,
    down_block_types=('DownBlock2D', 'DownBlock2D'),
    up_block_types=('UpBlock2D', 'UpBlock2D'),
    add_attention=False,
)


def schedule_of(scheduler):
    return build_schedule({**scheduler.config, '_class_name': type(scheduler).__name__})


def test_consistency_models_are_told_250_ln_sigma():
    scheduler = CMStochasticIterativeScheduler()
    schedule = schedule_of(scheduler)
    told = scheduler.sigma_to_t(schedule.sigmas[1:].numpy())
    t = torch.arange(1, schedule.num_timesteps)
    _, time = schedule.network_input(torch.zeros(len(t), 1, 1, 1), t)
    torch.testing.assert_close(time, torch.tensor(told).float(), rtol=1e-5, atol=1e-4)
    # sigma 2.24 in particular: 201.67, not EDM's 0.2017
    at = torch.tensor([int((schedule.sigmas - 2.24).abs().argmin())])
    near = float(schedule.network_input(torch.zeros(1, 1, 1, 1), at)[1])
    assert near == pytest.approx(250 * float(schedule.sigmas[at].log()), rel=1e-5)
    image, _ = schedule.network_input(X, torch.tensor([1, 20, 40]))
    for index, t in enumerate((1, 20, 40)):
        sigma = schedule.sigmas[t]
        expected = X[index] / (sigma**2 + scheduler.config.sigma_data**2).sqrt()
        torch.testing.assert_close(image[index], expected.float())
    with pytest.raises(ValueError, match='read but not sampled'):
        build_sampler('heun', schedule.scheduler_config)


def test_edm_is_told_a_quarter_of_ln_sigma():
    schedule = schedule_of(EDMEulerScheduler())
    time = schedule.network_input(torch.zeros(1, 1, 1, 1), torch.tensor([7]))[1]
    assert float(time) == pytest.approx(float(schedule.sigmas[7].log()) / 4, rel=1e-5)
    assert 'time_scale' not in schedule.settings


@pytest.mark.parametrize(
    'kind',
    ['DDPMScheduler', 'PNDMScheduler', 'EulerDiscreteScheduler', 'UniPCMultistepScheduler'],
)
def test_samplers_of_one_process_give_one_schedule(kind):
    scheduler = getattr(diffusers, kind)(beta_schedule='scaled_linear', beta_end=0.012)
    schedule = schedule_of(scheduler)
    assert isinstance(schedule, NoiseSchedule)
    torch.testing.assert_close(schedule.alphas_cumprod, scheduler.alphas_cumprod)


@pytest.mark.parametrize(
    'config',
    [
        dict(_class_name='CosineDPMSolverMultistepScheduler', sigma_data=0.5),
        dict(_class_name='ScoreSdeVpScheduler', beta_min=0.1),
        dict(_class_name='MyScheduler', beta_schedule='linear'),
    ],
)
def test_an_unknown_class_is_refused_whatever_its_keys(config):
    with pytest.raises(ValueError, match=f'{config["_class_name"]} is not known here.*a guess'):
        build_schedule(config)


def test_continuous_time_is_refused_and_flow_sigmas_are_a_flow():
    euler = dict(_class_name='EulerDiscreteScheduler', beta_schedule='linear')
    with pytest.raises(ValueError, match="timestep_type='continuous'"):
        build_schedule(dict(euler, timestep_type='continuous'))
    solver = dict(_class_name='DPMSolverMultistepScheduler', use_flow_sigmas=True, flow_shift=3.0)
    assert build_schedule(solver).shift == 3


@pytest.mark.parametrize(
    ('keys', 'kind'),
    [
        (dict(predict_epsilon=False), 'sample'),
        (dict(predict_epsilon=True), 'epsilon'),
        (dict(), 'epsilon'),
        (dict(predict_epsilon=False, prediction_type='v_prediction'), 'v_prediction'),
    ],
)
def test_the_old_name_of_the_prediction(keys, kind):
    config = dict(_class_name='DDPMScheduler', beta_schedule='linear', **keys)
    assert build_schedule(config).prediction_type == kind
