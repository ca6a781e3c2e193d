# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.diffusion.schedule import build_schedule
from mmdiffrep.models.timestep_policies import Draws, MatchedTimestep

LINEAR = build_schedule(dict(name='linear', num_timesteps=1000))


def at(size, **options):
    policy = MatchedTimestep(**options)
    policy.fit(LINEAR, size)
    return policy(torch.zeros(2, 3, 8, 8), Draws(torch.zeros(2))).t.tolist()


@pytest.mark.parametrize(
    ('t', 'at_64', 'at_32'),
    [(50, 9, 3), (100, 22, 9), (150, 36, 16), (250, 69, 33), (350, 116, 57)],
)
def test_timesteps_of_256_px(t, at_64, at_32):
    assert at(64, t=t, image_size=256) == [at_64] * 2
    assert at(32, t=t, image_size=256) == [at_32] * 2


def test_at_its_own_size_a_timestep_is_itself():
    assert at(64, t=50) == [50, 50]
    assert at(256, t=50, image_size=256) == [50, 50]


def test_noise_level():
    level = float(LINEAR.noise_level(120))
    assert at(64, noise_level=level) == [120, 120]


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(), 'either t or noise_level'),
        (dict(t=1, noise_level=0.1), 'either t or noise_level'),
        (dict(noise_level=1.0), r'noise_level must be in \(0, 1\)'),
        (dict(t=-1), 't must be at least 0'),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        MatchedTimestep(**options)


def test_a_timestep_that_the_teacher_lacks():
    with pytest.raises(ValueError, match='must lie in 0 .. 999'):
        at(64, t=1000)
