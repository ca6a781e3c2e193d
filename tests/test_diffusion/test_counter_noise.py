# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from mmdiffrep.diffusion.counter_noise import content_keys, counter_normal
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.feature_bank.recipe import describe_noise

IMAGES = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_numbers_are_standard_normal():
    drawn = counter_normal(torch.arange(64), (3, 32, 32)).double()
    count = drawn.numel()
    assert abs(drawn.mean()) < 4 / math.sqrt(count)
    assert abs(drawn.var() - 1) < 4 * math.sqrt(2 / count)
    assert abs((drawn**4).mean() - 3) < 4 * math.sqrt(96 / count)
    ordered = drawn.flatten().sort().values
    expected = torch.special.ndtr(ordered)
    steps = torch.arange(1, count + 1) / count
    assert (expected - steps).abs().max() < 1.95 / math.sqrt(count)  # Kolmogorov-Smirnov, 0.1 %


def test_neighboring_keys_and_places_are_unrelated():
    drawn = counter_normal(torch.arange(-500, 500), (40,)).double()
    correlations = torch.corrcoef(drawn.T) - torch.eye(40)
    assert correlations.abs().max() < 5 / math.sqrt(1000)
    assert torch.corrcoef(drawn[:40]).fill_diagonal_(0).abs().max() < 0.7
    assert len(drawn.flatten().unique()) > 0.99 * drawn.numel()


def test_an_image_has_its_noise_in_any_batch_and_order():
    noise = build_noise(dict(type='per_image', seed=3, counter=True))
    whole = noise(IMAGES)
    assert torch.equal(noise(IMAGES[[4, 1]]), whole[[4, 1]])
    assert torch.equal(noise(IMAGES, shape=(2, 3)), counter_normal(content_keys(IMAGES, 3), (2, 3)))
    slightly = IMAGES[:1] + torch.zeros(3, 8, 8).index_fill(2, torch.tensor([7]), 2 / 255)
    assert not torch.allclose(noise(slightly), whole[:1])
    others = (dict(seed=4), dict(seed=2**40), dict(seed=3, counter=False))
    for other in others:
        changed = dict(type='per_image', seed=3, counter=True) | other
        assert not torch.allclose(build_noise(changed)(IMAGES), whole)
    assert not torch.allclose(noise.of_draw(1)(IMAGES), whole)


def test_keys_tell_images_of_other_shapes_and_orders_apart():
    flat = IMAGES.reshape(6, 3, 4, 16)
    assert not torch.equal(content_keys(flat, 0), content_keys(IMAGES, 0))
    assert not torch.equal(content_keys(IMAGES.flip(3), 0), content_keys(IMAGES, 0))


def test_fresh_noise_is_a_function_of_the_seeds_of_the_generators():
    noise = build_noise(dict(type='fresh', counter=True))
    sources = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
    drawn = noise(IMAGES[:2], iter(sources))
    assert torch.equal(noise(IMAGES[:1], iter(sources[1:]))[0], drawn[1])
    plain = build_noise('fresh')
    seeded = [torch.Generator().manual_seed(0) for _ in range(2)]
    assert torch.equal(*[source(IMAGES, g) for source, g in zip((noise, plain), seeded)])


def test_it_compiles_as_one_graph():
    noise = build_noise(dict(type='per_image', counter=True))
    explained = torch._dynamo.explain(noise)(IMAGES)
    assert explained.graph_count == 1 and explained.graph_break_count == 0


def test_banks_of_it_are_other_banks():
    assert describe_noise(dict(type='per_image', counter=True))['counter'] is True
    assert 'counter' not in describe_noise('per_image')
    with pytest.raises(TypeError, match='counter must be bool'):
        build_noise(dict(type='per_image', counter=1))
