# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiffrep.utils.random_streams import ImageStreams, IterationStreams


def uniform(streams, *args):
    return streams.uniforms(*args)


def noise(streams, *args):
    return torch.stack([torch.rand(3, generator=g) for g in streams.generators(*args)])


@pytest.mark.parametrize('draws', [1, 3])
def test_ranks_share_what_one_process_draws(draws):
    whole = IterationStreams(seed=1, iteration=7)
    ranks = [IterationStreams(1, 7, rank, world_size=2) for rank in (0, 1)]
    for draw in (uniform, noise):
        expected = draw(whole, 8, draws).view(draws, 8, -1)
        shares = [draw(share, 4, draws).view(draws, 4, -1) for share in ranks]
        assert torch.equal(torch.cat(shares, dim=1), expected)
    assert whole.shared() == ranks[0].shared() == ranks[1].shared()


def test_everything_else_gives_other_numbers():
    seen = set()
    for seed, iteration, branch in itertools.product((0, 1), (0, 1), (0, 1)):
        streams = IterationStreams(seed, iteration)
        numbers = [streams.uniforms(1, 1, branch)[0], streams.shared(branch)]
        seen |= {*map(float, numbers), float(noise(streams, 1, 1, branch)[0, 0])}
    assert len(seen) == 24


def test_numbers_are_uniform():
    numbers = IterationStreams(0, 0).uniforms(20000)
    assert numbers.dtype == torch.float64 and numbers.min() >= 0 and numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 0.01
    common = torch.tensor([IterationStreams(0, i).shared() for i in range(2000)])
    assert common.min() >= 0 and common.max() < 1 and abs(common.mean() - 0.5) < 0.03


@given(st.integers(0, 2**40), st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=20)
def test_two_batches_draw_what_one_draws(first, left, right):
    images = torch.zeros(left + right, 1, 2, 2)
    whole = ImageStreams(3, first, left + right)
    parts = [ImageStreams(3, first, left), ImageStreams(3, first + left, right)]
    assert torch.equal(whole.uniforms(4), torch.cat([part.uniforms(4) for part in parts]))
    noise = [part.noise(images[: len(part.places)]) for part in parts]
    assert torch.equal(whole.noise(images), torch.cat(noise))


def test_seeds_places_and_purposes_differ():
    images = torch.zeros(2, 1, 4, 4)
    one, other = ImageStreams(0, 0, 2), ImageStreams(1, 0, 2)
    assert not torch.equal(one.uniforms(2), other.uniforms(2))
    assert not torch.equal(one.noise(images)[0], one.noise(images)[1])
    assert not torch.equal(one.noise(images), other.noise(images))


def test_distributions():
    streams = ImageStreams(0, 0, 2000)
    uniform, noise = streams.uniforms(2), streams.noise(torch.zeros(2000, 1, 2, 2))
    assert (uniform > 0).all() and (uniform < 1).all()
    assert (uniform.mean(0) - 0.5).abs().max() < 0.02
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03


def test_global_random_state_is_untouched():
    before = torch.get_rng_state()
    ImageStreams(0, 0, 2).noise(torch.zeros(2, 1, 2, 2))
    assert torch.equal(before, torch.get_rng_state())
