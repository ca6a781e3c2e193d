# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import itertools

import pytest
import torch

from mmdiffrep.engine.iteration_chance import IterationChance


def uniform(chance, *args):
    return chance.uniform(*args)


def noise(chance, *args):
    return torch.stack([torch.rand(3, generator=g) for g in chance.generators(*args)])


@pytest.mark.parametrize('draws', [1, 3])
def test_ranks_share_what_one_process_draws(draws):
    whole = IterationChance(seed=1, iteration=7)
    ranks = [IterationChance(1, 7, rank, world_size=2) for rank in (0, 1)]
    for draw in (uniform, noise):
        expected = draw(whole, 8, draws).view(draws, 8, -1)
        shares = [draw(chance, 4, draws).view(draws, 4, -1) for chance in ranks]
        assert torch.equal(torch.cat(shares, dim=1), expected)
    assert whole.common() == ranks[0].common() == ranks[1].common()


def test_everything_else_gives_other_numbers():
    seen = set()
    for seed, iteration, branch in itertools.product((0, 1), (0, 1), (0, 1)):
        chance = IterationChance(seed, iteration)
        numbers = [chance.uniform(1, 1, branch)[0], chance.common(branch)]
        seen |= {*map(float, numbers), float(noise(chance, 1, 1, branch)[0, 0])}
    assert len(seen) == 24


def test_numbers_are_uniform():
    numbers = IterationChance(0, 0).uniform(20000)
    assert numbers.dtype == torch.float64 and numbers.min() >= 0 and numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 0.01
    common = torch.tensor([IterationChance(0, i).common() for i in range(2000)])
    assert common.min() >= 0 and common.max() < 1 and abs(common.mean() - 0.5) < 0.03
