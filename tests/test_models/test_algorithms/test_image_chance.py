# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiffrep.models.algorithms.image_chance import ImageChance


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
