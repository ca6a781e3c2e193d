# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.timestep_policies import (
    AnnealedTimestep,
    Draws,
    FixedTimestep,
    StagedTimestep,
    UniformTimestep,
)

IMAGES = torch.zeros(5, 3, 8, 8)
UNIFORMS = torch.tensor([0.0, 0.25, 0.5, 0.75, 0.9999], dtype=torch.float64)


def test_fixed_timestep_is_the_same_for_every_image():
    sample = FixedTimestep(7)(IMAGES, Draws(UNIFORMS))
    assert sample.t.tolist() == [7] * 5
    assert sample.t.dtype == torch.int64
    assert sample.log_prob is None and sample.entropy is None


def test_uniform_timestep_maps_draws_to_its_range():
    sample = UniformTimestep(high=50, low=10)(IMAGES, Draws(UNIFORMS))
    assert sample.t.tolist() == [10, 20, 30, 40, 49]


def test_annealed_maximum_falls_linearly_and_stays():
    policy = AnnealedTimestep(start=1000, end=50, until=0.5)
    almost_one = torch.full((5,), 1 - 1e-9, dtype=torch.float64)
    last = [policy(IMAGES, Draws(almost_one, progress=p)).t[0].item() for p in (0, 0.25, 0.5, 1)]
    assert last == [999, 524, 49, 49]


@pytest.mark.parametrize(
    ('shared', 'pair', 't'),
    [
        (0.0, 0, [500, 625, 750, 875, 999]),
        (0.34, 1, [100, 200, 300, 400, 499]),
        (0.99, 2, [0, 25, 50, 75, 99]),
    ],
)
def test_every_pair_has_its_range(shared, pair, t):
    sample = StagedTimestep(highs=[1000, 500, 100])(IMAGES, Draws(UNIFORMS, shared))
    assert sample.pair == pair and sample.t.tolist() == t


def test_pairs_are_drawn_alike():
    policy = StagedTimestep(highs=[10, 5])
    pairs = [policy(IMAGES, Draws(UNIFORMS, shared / 400)).pair for shared in range(400)]
    assert sum(pairs) == 200


def test_one_pair_reads_everything_below_its_maximum():
    sample = StagedTimestep(highs=[50])(IMAGES, Draws(UNIFORMS))
    assert sample.pair == 0 and sample.t.tolist() == [0, 12, 25, 37, 49]


@pytest.mark.parametrize('highs', [[], [100, 500], [100, 100], [10, 0]])
def test_maxima_must_fall(highs):
    with pytest.raises(ValueError, match='highs, the last first, must rise, from at least 1'):
        StagedTimestep(highs=highs)


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: FixedTimestep(-1), 't must be at least 0, got -1'),
        (lambda: FixedTimestep(1.0), r't must be int, got 1.0'),
        (lambda: UniformTimestep(high=5, low=5), 'high must be at least 6, got 5'),
        (lambda: UniformTimestep(high=10.5), r'high must be int, got 10.5'),
        (lambda: AnnealedTimestep(start=0), 'start must be at least 1'),
        (lambda: AnnealedTimestep(until=0.0), r'until must be in \(0, 1\]'),
        (lambda: AnnealedTimestep(until=float('nan')), 'until'),
        (lambda: StagedTimestep(highs=[10, 5.5]), 'each of highs must be int'),
        (lambda: StagedTimestep(highs=10), 'highs must be list or tuple'),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()
