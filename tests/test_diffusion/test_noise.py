# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiffrep.diffusion.noise import build_noise


def images(count, seed=0, side=8):
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randint(0, 256, (count, 3, side, side), generator=generator)
    return levels / 127.5 - 1


@pytest.mark.parametrize('cfg', ['fresh', 'shared', 'per_image'])
def test_noise_is_standard_normal(cfg):
    eps = build_noise(cfg)(images(16, side=64))
    count = eps[0].numel()
    for draw in eps:
        assert abs(draw.mean()) < 5 / count**0.5
        assert abs(draw.var() - 1) < 5 * (2 / count) ** 0.5
    assert (eps.abs() > 3).float().mean().item() == pytest.approx(0.0027, abs=2e-3)


def test_fresh_differs_and_follows_its_generator():
    x, source = images(4), build_noise('fresh')
    assert not torch.equal(source(x), source(x))
    draws = [source(x, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*draws)


def test_shared_is_one_draw_for_all_images():
    x = images(5)
    eps = build_noise(dict(type='shared', seed=4))(x)
    assert all(torch.equal(eps[0], other) for other in eps)
    assert torch.equal(build_noise(dict(type='shared', seed=4))(images(2, seed=9)), eps[:2])
    assert not torch.equal(build_noise(dict(type='shared', seed=5))(x), eps)


def test_none_is_a_clean_input():
    assert build_noise('none')(images(2)) is None


@settings(deadline=None)
@given(st.permutations(range(6)), st.integers(1, 6))
def test_per_image_ignores_batch_and_order(order, size):
    source, x = build_noise('per_image'), images(6)
    whole = source(x)
    parts = [source(x[order[start : start + size]]) for start in range(0, 6, size)]
    assert torch.equal(torch.cat(parts), whole[order])


def test_per_image_is_the_same_in_another_process_and_another_random_state():
    eps = build_noise(dict(type='per_image', seed=1))(images(3))
    torch.manual_seed(99)
    assert torch.equal(build_noise(dict(type='per_image', seed=1))(images(3)), eps)
    # a constant: guards against any change of hash or generator between versions and machines
    assert eps[0, 0, 0, :3].tolist() == pytest.approx([0.674809, 0.908192, -0.137133], abs=1e-6)


def test_per_image_depends_on_content_seed_and_shape():
    x = images(1)
    eps = build_noise('per_image')(x)
    changed = x.clone()
    changed[0, 0, 0, 0] += 2 / 255 if changed[0, 0, 0, 0] < 0 else -2 / 255
    assert not torch.equal(build_noise('per_image')(changed), eps)
    assert not torch.equal(build_noise(dict(type='per_image', seed=1))(x), eps)
    flat = build_noise('per_image')(x.reshape(1, 3, 4, 16))
    assert not torch.equal(flat.flatten(), eps.flatten())


def test_per_image_ignores_differences_below_8_bits():
    x = images(2)
    wobble = (torch.rand(x.shape) - 0.5) * 0.9 / 127.5
    eps = build_noise('per_image')
    assert torch.equal(eps(x + wobble), eps(x))
    assert torch.equal(eps(x.half()), eps(x).half())


@pytest.mark.parametrize('cfg', ['fresh', 'shared', 'per_image'])
def test_noise_takes_dtype_and_leaves_the_global_random_state(cfg):
    x = images(2).to(torch.bfloat16)
    before = torch.get_rng_state()
    eps = build_noise(cfg)(x)
    assert (eps.shape, eps.dtype, eps.requires_grad) == (x.shape, x.dtype, False)
    assert torch.equal(torch.get_rng_state(), before) == (cfg != 'fresh')


def test_generator_for_each_image_makes_its_noise_its_own():
    images = torch.zeros(3, 2, 4, 4)

    def generators(seeds):
        return (torch.Generator().manual_seed(seed) for seed in seeds)

    noise = build_noise('fresh')
    whole = noise(images, generators([5, 6, 7]))
    assert torch.equal(noise(images[:2], generators([6, 5])), whole[[1, 0]])
    expected = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(7))
    assert torch.equal(whole[2], expected)
    with pytest.raises(ValueError, match='generators must have one for each of images: 3, got 2'):
        noise(images, generators([1, 2]))


def test_wrong_arguments():
    for unknown in ('per-image', None):
        with pytest.raises(ValueError, match="one of 'fresh', 'shared', 'per_image', 'none'"):
            build_noise(unknown)
    with pytest.raises(ValueError, match=r"no argument 'sed'\. Did you mean seed"):
        build_noise(dict(type='shared', sed=1))
    with pytest.raises(ValueError, match="no argument 'seed'"):
        build_noise(dict(type='fresh', seed=1))


@pytest.mark.parametrize('kind', ['fresh', 'shared', 'per_image'])
def test_noise_of_another_shape_is_keyed_by_the_image(kind):
    source, x = build_noise(kind), images(3)
    eps = source(x, torch.Generator().manual_seed(0), (4, 2, 5))
    assert eps.shape == (3, 4, 2, 5)
    same = source(x, torch.Generator().manual_seed(0), (4, 2, 5))
    assert torch.equal(eps, same)
    if kind == 'per_image':
        assert torch.equal(source(x[1:], shape=(4, 2, 5)), eps[1:])


@pytest.mark.parametrize('kind', ['shared', 'per_image', 'none'])
def test_one_draw_serves_all_timesteps(kind):
    source, x = build_noise(kind), images(3)
    found = source.at_timesteps(x, 2)
    expected = source(x.repeat(2, 1, 1, 1))
    assert found is expected if kind == 'none' else torch.equal(found, expected)


def test_fresh_noise_differs_between_timesteps():
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    first, second = build_noise('fresh').at_timesteps(images(2), 2, generators[0]).chunk(2)
    assert not torch.equal(first, second)
    folded = build_noise('fresh')(images(2).repeat(2, 1, 1, 1), generators[1])
    assert torch.equal(folded, torch.cat([first, second]))


def test_a_source_is_taken_as_it_is():
    source = build_noise('shared')
    assert build_noise(source) is source
