# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""SiT's schedule against its closed form."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.diffusion.interpolant_schedule import InterpolantSchedule


@given(t=st.integers(0, 999))
def test_a_straight_line_from_the_image_to_the_noise(t):
    schedule = InterpolantSchedule('noise_to_data')
    x0, eps = torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), -3.0)
    share = t / 1000
    found = schedule.add_noise(x0, eps, t)
    torch.testing.assert_close(found, torch.full_like(x0, 2 * (1 - share) - 3 * share))
    level = share / math.hypot(share, 1 - share)
    assert float(schedule.noise_level(t)) == pytest.approx(level, abs=1e-6)
    assert abs(schedule.nearest_timestep(level) - t) <= 1


def test_the_two_directions_mirror_each_other():
    t, x = torch.tensor([0, 250, 999]), torch.zeros(3, 1, 2, 2)
    _, forward = InterpolantSchedule('data_to_noise').network_input(x, t)
    _, backward = InterpolantSchedule('noise_to_data').network_input(x, t)
    torch.testing.assert_close(forward, torch.tensor([0.0, 0.25, 0.999]))
    torch.testing.assert_close(forward + backward, torch.ones(3))


def test_settings_tell_the_direction():
    settings = [InterpolantSchedule(name).settings for name in ('noise_to_data', 'data_to_noise')]
    assert settings[0] != settings[1]


def test_bad_arguments():
    with pytest.raises(ValueError, match="one of .*'noise_to_data'.*got 'up'"):
        InterpolantSchedule('up')
    with pytest.raises(ValueError, match='at least 2'):
        InterpolantSchedule('data_to_noise', 1)
    with pytest.raises(ValueError, match=r'0 \.\. 999'):
        InterpolantSchedule('data_to_noise').add_noise(torch.zeros(1, 1), torch.zeros(1, 1), 1000)
