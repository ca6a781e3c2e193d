# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.timestep_policies import StagedTimestep

IMAGES = torch.zeros(4, 3, 8, 8)
CHANCE = torch.tensor([0.0, 0.3, 0.6, 1 - 1e-9], dtype=torch.float64)


@pytest.mark.parametrize(
    ('common', 'pair', 't'),
    [
        (0.0, 0, [500, 650, 800, 999]),
        (0.34, 1, [100, 220, 340, 499]),
        (0.99, 2, [0, 30, 60, 99]),
    ],
)
def test_every_pair_has_its_range(common, pair, t):
    sample = StagedTimestep(highs=[1000, 500, 100])(IMAGES, uniform=CHANCE, common=common)
    assert sample.pair == pair and sample.t.tolist() == t


def test_pairs_are_drawn_alike():
    policy = StagedTimestep(highs=[10, 5])
    torch.manual_seed(0)
    pairs = [policy(IMAGES).pair for _ in range(400)]
    assert 150 < sum(pairs) < 250


def test_one_pair_reads_everything_below_its_maximum():
    sample = StagedTimestep(highs=[50])(IMAGES, uniform=CHANCE)
    assert sample.pair == 0 and sample.t.tolist() == [0, 15, 30, 49]


@pytest.mark.parametrize('highs', [[], [100, 500], [100, 100], [10, 0]])
def test_maxima_must_fall(highs):
    with pytest.raises(ValueError, match='falling integers of at least 1'):
        StagedTimestep(highs=highs)
