# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The time that a network is told follows from the class of its scheduler."""

import diffusers
import pytest
import torch
from diffusers import (
    CMStochasticIterativeScheduler,
    EDMEulerScheduler,
    FlowMatchEulerDiscreteScheduler,
    ScoreSdeVeScheduler,
    UNet2DModel,
)

from mmdiffrep.diffusion import UNet2DDenoiser, build_schedule
from mmdiffrep.diffusion.flow_schedule import FlowSchedule
from mmdiffrep.diffusion.sampling import build_sampler
from mmdiffrep.diffusion.schedule import NoiseSchedule
from mmdiffrep.diffusion.ve_schedule import VESchedule

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


@pytest.mark.parametrize('shift', [1.0, 3.0])
def test_flow_matching_is_diffusers_interpolation_and_told_0_to_1000(shift):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    schedule = schedule_of(scheduler)
    assert isinstance(schedule, FlowSchedule) and schedule.num_timesteps == 1000
    t = torch.tensor([1, 260, 999])
    x_t, time = schedule.network_input(schedule.add_noise(X, EPS, t), t)
    assert torch.equal(time, t)
    share = (t / 1000).view(-1, 1, 1, 1)
    torch.testing.assert_close(x_t, share * EPS + (1 - share) * X)
    if shift == 1:  # then diffusers has these very timesteps
        torch.testing.assert_close(
            scheduler.scale_noise(X[:1], torch.tensor([260.0]), EPS[:1]),
            schedule.add_noise(X[:1], EPS[:1], 260),
            atol=1e-5,
            rtol=1e-5,
        )


def test_ncsnpp_is_told_sigma_and_given_0_to_1():
    scheduler = ScoreSdeVeScheduler(num_train_timesteps=20, sigma_max=50.0)
    schedule = schedule_of(scheduler)
    assert isinstance(schedule, VESchedule)
    torch.testing.assert_close(schedule.sigmas.float(), scheduler.discrete_sigmas)
    t = torch.tensor([0, 7, 19])
    image, sigma = schedule.network_input(schedule.add_noise(X, EPS, t), t)
    torch.testing.assert_close(sigma, scheduler.discrete_sigmas[t])
    torch.testing.assert_close(image, (X + 1) / 2 + sigma.view(-1, 1, 1, 1) * EPS)
    network = UNet2DModel(**UNET, time_embedding_type='fourier').eval()
    found = UNet2DDenoiser(network, schedule).predict(X, t)
    assert torch.equal(found, network((X + 1) / 2, sigma).sample)


@pytest.mark.parametrize(
    ('kind', 'schedule'), [('fourier', 'linear'), ('fourier', 'edm'), ('positional', 've')]
)
def test_a_time_embedding_that_does_not_take_this_time_is_refused(kind, schedule):
    unet = dict(UNET, time_embedding_type=kind)
    with pytest.raises(ValueError, match=f"time_embedding_type='{kind}' does not go with"):
        UNet2DDenoiser.build(unet=unet, schedule=schedule)


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
