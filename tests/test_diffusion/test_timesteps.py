# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Timesteps given as such, or by their noise levels."""

import numpy as np
import pytest
import torch

from mmdiffrep.diffusion.schedule import NoiseSchedule, build_schedule
from mmdiffrep.diffusion.timesteps import resolve_timesteps


def test_noise_levels_find_the_nearest_timesteps():
    schedule = NoiseSchedule.preset('cosine', 50)
    levels = [float(schedule.noise_level(t)) for t in (3, 40)]
    assert resolve_timesteps(schedule, noise_levels=levels) == (3, 40)


@pytest.mark.parametrize('make', [tuple, np.array, torch.tensor])
def test_any_sequence_is_taken(make):
    schedule = NoiseSchedule.preset('linear', 50)
    assert resolve_timesteps(schedule, make([7, 3])) == (7, 3)
    levels = [float(schedule.noise_level(3))]
    assert resolve_timesteps(schedule, noise_levels=make(levels)) == (3,)


def test_a_noise_level_between_two_timesteps_is_refused():
    levels = [0.2, 0.4]
    with pytest.raises(ValueError, match=r"level 0\.2: the nearest, 5, has 0\.138.*name='edm'"):
        resolve_timesteps(build_schedule('edm'), noise_levels=levels)
    fine = build_schedule(dict(name='edm', num_steps=100))
    found = [float(fine.levels[t]) for t in resolve_timesteps(fine, noise_levels=levels)]
    assert found == pytest.approx(levels, rel=0.05)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(), 'either timesteps or noise_levels, got none'),
        (dict(timesteps=[1], noise_levels=[0.1]), 'got timesteps and noise_levels'),
        (dict(timesteps=[]), 'at least one'),
        (dict(timesteps=50), 'timesteps must be a list, got 50'),
        (dict(noise_levels=0.5), 'noise_levels must be a list'),
        (dict(timesteps=[0.5]), 'each of timesteps must be int, got 0.5'),
        (dict(timesteps=[0, 50]), r'in \[0, 49\], got 50'),
        (dict(timesteps=[-1]), r'in \[0, 49\], got -1'),
        (dict(timesteps=[4, 4]), 'differ'),
        (dict(noise_levels=[0.6, 0.6001]), 'differ'),
        (dict(noise_levels=[1.5]), 'noise level'),
    ],
)
def test_bad_timesteps(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        resolve_timesteps(NoiseSchedule.preset('linear', 50), **arguments)
