# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiffrep.utils.random_streams import ImageChance, IterationChance


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


@given(st.integers(0, 2**40), st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=20)
def test_two_batches_draw_what_one_draws(first, left, right):
    images = torch.zeros(left + right, 1, 2, 2)
    whole = ImageChance(3, first, left + right)
    parts = [ImageChance(3, first, left), ImageChance(3, first + left, right)]
    assert torch.equal(whole.uniform(4), torch.cat([part.uniform(4) for part in parts]))
    noise = [part.noise(images[: len(part.places)]) for part in parts]
    assert torch.equal(whole.noise(images), torch.cat(noise))


def test_seeds_places_and_purposes_differ():
    images = torch.zeros(2, 1, 4, 4)
    one, other = ImageChance(0, 0, 2), ImageChance(1, 0, 2)
    assert not torch.equal(one.uniform(2), other.uniform(2))
    assert not torch.equal(one.noise(images)[0], one.noise(images)[1])
    assert not torch.equal(one.noise(images), other.noise(images))


def test_distributions():
    chance = ImageChance(0, 0, 2000)
    uniform, noise = chance.uniform(2), chance.noise(torch.zeros(2000, 1, 2, 2))
    assert (uniform > 0).all() and (uniform < 1).all()
    assert (uniform.mean(0) - 0.5).abs().max() < 0.02
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03


def test_global_random_state_is_untouched():
    before = torch.get_rng_state()
    ImageChance(0, 0, 2).noise(torch.zeros(2, 1, 2, 2))
    assert torch.equal(before, torch.get_rng_state())
