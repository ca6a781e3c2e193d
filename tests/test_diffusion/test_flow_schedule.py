# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Rectified flow: the path from data to noise, and the time that each network is told."""

import json

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion.denoisers import DiTDenoiser
from mmdiffrep.diffusion.flow_schedule import FlowSchedule
from mmdiffrep.diffusion.schedule import build_schedule
from mmdiffrep.testing import tiny_dit
from mmdiffrep.testing.tiny_latent import TINY_LATENT


@pytest.mark.parametrize('shift', [1.0, 3.0])
def test_timesteps_are_thousandths_of_the_noise_whatever_the_shift(shift):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    schedule = build_schedule(json.loads(scheduler.to_json_string()))
    assert type(schedule) is FlowSchedule and schedule.num_timesteps == 1000
    x0, eps = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    expected = 0.74 * x0 + 0.26 * eps
    torch.testing.assert_close(schedule.add_noise(x0, eps, 260), expected)
    # diffusers' own, at the share of noise that its sigma says
    official = scheduler.scale_noise(x0, scheduler.timesteps[[300]], eps)
    sigma = float(scheduler.sigmas[300])
    torch.testing.assert_close(official, sigma * eps + (1 - sigma) * x0)


@pytest.mark.parametrize(
    ('cfg', 'argument', 'told'),
    [
        (TINY_LATENT['sd3'], 'timestep', 260),
        (TINY_LATENT['flux'], 'timestep', 0.26),
        (dict(tiny_dit(), time_direction='noise_to_data'), 1, 0.74),
        (dict(tiny_dit(), time_direction='data_to_noise'), 1, 0.26),
    ],
    ids=['sd3', 'flux', 'sit', 'repa'],
)
def test_each_network_is_told_its_own_time(cfg, argument, told):
    denoiser = load_denoiser(cfg).eval()
    times = []

    def note(_, args, kwargs):
        times.append(kwargs[argument] if isinstance(argument, str) else args[argument])

    denoiser.network.register_forward_pre_hook(note, with_kwargs=True)
    side = denoiser.image_size
    cond = denoiser.example_condition('cpu') if isinstance(argument, str) else None
    with torch.no_grad():
        denoiser.predict(torch.zeros(2, denoiser.in_channels, side, side), 260, cond)
    torch.testing.assert_close(times[0].float(), torch.full((2,), float(told)))


def test_a_dit_with_a_flow_asks_for_its_direction_of_time(tmp_path):
    network = load_denoiser(tiny_dit()).network
    network.save_pretrained(tmp_path / 'transformer')
    FlowMatchEulerDiscreteScheduler().save_pretrained(tmp_path / 'scheduler')
    with pytest.raises(ValueError, match="time_direction='noise_to_data'.*'data_to_noise'"):
        DiTDenoiser.from_pretrained(str(tmp_path))
    sit = DiTDenoiser.build(pretrained=str(tmp_path), time_direction='noise_to_data')
    assert sit.schedule.time_direction == 'noise_to_data'


@pytest.mark.parametrize('shift', [1.0, 3.0])
def test_network_input_is_the_interpolation_and_the_timestep(shift):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    schedule = build_schedule({**scheduler.config, '_class_name': type(scheduler).__name__})
    x0, eps = torch.randn(2, 3, 3, 8, 8)
    t = torch.tensor([1, 260, 999])
    x_t, time = schedule.network_input(schedule.add_noise(x0, eps, t), t)
    assert torch.equal(time, t)
    share = (t / 1000).view(-1, 1, 1, 1)
    torch.testing.assert_close(x_t, share * eps + (1 - share) * x0)
    if shift == 1:  # then diffusers has these very timesteps
        torch.testing.assert_close(
            scheduler.scale_noise(x0[:1], torch.tensor([260.0]), eps[:1]),
            schedule.add_noise(x0[:1], eps[:1], 260),
            atol=1e-5,
            rtol=1e-5,
        )
