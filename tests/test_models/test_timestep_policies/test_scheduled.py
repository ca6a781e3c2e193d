# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.timestep_policies import AnnealedTimestep, FixedTimestep, UniformTimestep

IMAGES = torch.zeros(5, 3, 8, 8)
CHANCE = torch.tensor([0.0, 0.25, 0.5, 0.75, 0.9999], dtype=torch.float64)


def test_fixed_timestep_is_the_same_for_every_image():
    sample = FixedTimestep(7)(IMAGES)
    assert sample.t.tolist() == [7] * 5
    assert sample.t.dtype == torch.int64
    assert sample.log_prob is None and sample.entropy is None


def test_uniform_timestep_maps_chance_to_its_range():
    sample = UniformTimestep(high=50, low=10)(IMAGES, uniform=CHANCE)
    assert sample.t.tolist() == [10, 20, 30, 40, 49]


def test_annealed_maximum_falls_linearly_and_stays():
    policy = AnnealedTimestep(start=1000, end=50, until=0.5)
    almost_one = torch.full((5,), 1 - 1e-9, dtype=torch.float64)
    last = [policy(IMAGES, uniform=almost_one, progress=p).t[0].item() for p in (0, 0.25, 0.5, 1)]
    assert last == [999, 524, 49, 49]


def test_global_generator_is_used_without_chance():
    torch.manual_seed(3)
    first = UniformTimestep(1000)(IMAGES).t
    torch.manual_seed(3)
    assert torch.equal(first, UniformTimestep(1000)(IMAGES).t)


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: FixedTimestep(-1), 'negative'),
        (lambda: UniformTimestep(high=5, low=5), 'low < high'),
        (lambda: AnnealedTimestep(until=0.0), 'until'),
        (lambda: UniformTimestep()(IMAGES, uniform=CHANCE[:2]), 'one number a draw'),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
