# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.diffusion.schedule import build_schedule


def test_noise_levels_keep_the_shape_of_the_timesteps():
    schedule = build_schedule(None)
    t = torch.tensor([[0, 10], [20, 30]])
    assert schedule.noise_level(t).shape == (2, 2)
    assert torch.equal(schedule.noise_level(t) ** 2 + schedule.alphas_cumprod[t], torch.ones(2, 2))


@given(st.integers(0, 999), st.sampled_from(['linear', 'scaled_linear', 'cosine']))
def test_nearest_timestep_inverts_noise_level(t, name):
    schedule = build_schedule(name)
    found = schedule.nearest_timestep(float(schedule.noise_level(t)))
    assert schedule.noise_level(found) == schedule.noise_level(t)


@given(st.floats(0, 1))
def test_nearest_timestep_is_the_nearest(sigma):
    schedule = build_schedule(dict(name='linear', num_timesteps=50))
    levels = [math.sqrt(1 - float(abar)) for abar in schedule.alphas_cumprod.double()]
    best = min(abs(level - sigma) for level in levels)
    assert abs(levels[schedule.nearest_timestep(sigma)] - sigma) == pytest.approx(best, abs=1e-5)


def test_half_precision_images_are_noised_in_fp32():
    schedule = build_schedule(None)
    x0, eps = torch.randn(2, 1, 3, 8, 8).half()
    exact = schedule.add_noise(x0.float(), eps.float(), 3)
    noised = schedule.add_noise(x0, eps, 3)
    assert noised.dtype == torch.float16
    assert torch.equal(noised, exact.half())


def test_one_timestep_serves_the_whole_batch():
    schedule = build_schedule(None)
    x0, eps = torch.randn(2, 4, 3, 2, 2)
    assert torch.equal(
        schedule.add_noise(x0, eps, 7), schedule.add_noise(x0, eps, torch.full((4,), 7))
    )


@pytest.mark.parametrize('t', [-1, 1000, torch.tensor([0, 1000]), torch.tensor([-3, 5])])
def test_timesteps_out_of_range(t):
    schedule = build_schedule(None)
    x0 = torch.zeros(2, 3, 2, 2)
    with pytest.raises(ValueError, match=r'0 \.\. 999'):
        schedule.add_noise(x0, x0, t)
    with pytest.raises(ValueError, match=r'0 \.\. 999'):
        schedule.noise_level(t)


def test_a_noise_level_is_no_timestep():
    with pytest.raises(ValueError, match='Timesteps are integers'):
        build_schedule(None).noise_level(0.5)


@pytest.mark.parametrize(
    ('t', 'message'),
    [
        (0.5, 'integers'),
        (torch.tensor([1, 2, 3]), r'one per image \(2\)'),
        (torch.zeros(2, 1).long(), r'got shape \(2, 1\)'),
    ],
)
def test_wrong_timesteps(t, message):
    x0 = torch.zeros(2, 3, 2, 2)
    with pytest.raises(ValueError, match=message):
        build_schedule(None).add_noise(x0, x0, t)
