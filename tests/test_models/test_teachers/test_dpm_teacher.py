# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn import functional as F

from mmdiffrep.diffusion.memory import GIB, pass_bytes, weight_bytes
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.models.teachers import DPMTeacher, build_teacher
from mmdiffrep.testing import tiny_teacher

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
PIXELS = torch.randint(0, 256, (2, 3, 16, 16), generator=torch.Generator().manual_seed(0)).float()
IMAGES = (PIXELS - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
T = torch.tensor([3, 17])


def build(**kwargs):
    torch.manual_seed(0)
    return DPMTeacher(tiny_teacher(), taps=['mid', 'dec.1'], mean=MEAN, std=STD, **kwargs)


def read(teacher, images, t, **kwargs):
    return teacher(teacher.to_input(images), t, **kwargs)


def test_clean_input_is_the_exact_image_at_its_own_timestep():
    teacher = build()
    features = read(teacher, IMAGES, T)
    for i in (0, 1):
        alone = teacher.denoiser(PIXELS[i : i + 1] / 127.5 - 1, T[i : i + 1], taps=['mid'])['mid']
        torch.testing.assert_close(features[0][i : i + 1], alone, atol=1e-5, rtol=1e-4)
    assert [feature.shape[1] for feature in features] == list(teacher.channels)


def test_noise_is_added_by_the_schedule():
    teacher = build(noise='fresh')
    features = read(teacher, IMAGES, T, generator=torch.Generator().manual_seed(5))
    eps = torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(5))
    noised = teacher.denoiser.schedule.add_noise(PIXELS / 127.5 - 1, eps, T)
    expected = teacher.denoiser(noised, T, taps=['mid'])['mid']
    torch.testing.assert_close(features[0], expected, atol=1e-5, rtol=1e-4)


def test_raw_input_is_the_official_behavior():
    teacher = build(raw_input=True)
    expected = teacher.denoiser(IMAGES, T, taps=['mid'])['mid']
    assert torch.equal(read(teacher, IMAGES, T)[0], expected)
    assert torch.equal(teacher.to_input(IMAGES), IMAGES)


@pytest.mark.parametrize('raw_input', [False, True])
def test_images_that_cannot_be_read_are_named(raw_input):
    teacher = build(raw_input=raw_input)
    with pytest.raises(ValueError, match='a list of 2 images of sides'):
        read(teacher, [IMAGES[0], IMAGES[1, :, 1:]], T)
    with pytest.raises(ValueError, match='undoing mean='):
        read(teacher, PIXELS, T)


def test_images_are_resized_to_the_network():
    teacher = build()
    large = F.interpolate(IMAGES, size=(48, 48), mode='nearest')
    assert read(teacher, large, T)[0].shape == read(teacher, IMAGES, T)[0].shape


def test_frozen_means_frozen():
    teacher = build().train()
    assert not any(module.training for module in teacher.denoiser.modules())
    assert not any(param.requires_grad for param in teacher.parameters())
    assert not read(teacher, IMAGES.requires_grad_(), T)[0].requires_grad


def test_a_class_conditional_unet_is_given_the_stand_in():
    denoiser = tiny_teacher()
    denoiser['unet']['num_class_embeds'] = 10
    teacher = DPMTeacher(denoiser, taps=['mid'], mean=MEAN, std=STD)
    assert teacher(IMAGES, T)[0].isfinite().all()


def test_a_size_that_does_not_fit_is_refused_at_build():
    with pytest.raises(ValueError, match='multiples of 2 for this network, got 17x17'):
        build(size=17)


def test_weights_of_half_precision():
    torch.manual_seed(0)
    half = DPMTeacher(dict(tiny_teacher(), dtype='bfloat16'), taps=['mid'], mean=MEAN, std=STD)
    feature = half(IMAGES, T)[0]
    assert feature.dtype == torch.float32
    torch.testing.assert_close(feature, build()(IMAGES, T)[0], atol=0.1, rtol=0.1)


def test_precision_is_recorded_and_features_are_float32():
    rough = build(precision='bfloat16')
    for found, exact in zip(read(rough, IMAGES, T), read(build(), IMAGES, T)):
        assert found.dtype == torch.float32
        assert 0 < (found - exact).norm() / exact.norm() < 0.03
    assert rough.record['precision'] == 'bfloat16'
    assert build().record['precision'] == 'float32'
    assert rough.record['weights_hash'] == build().record['weights_hash']


@pytest.mark.parametrize('noise', ['none', 'fresh'])
def test_passes_of_limited_size_give_the_same_features(noise):
    found, expected = (
        read(build(noise=noise, pass_size=size), IMAGES, T, generator=torch.manual_seed(3))
        for size in (1, None)
    )
    for first, second in zip(found, expected):
        torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)


def test_draws_are_averaged_within_a_limit_of_memory():
    single = build(noise='per_image')
    draws = []
    for draw in range(3):
        single.noise = build_noise('per_image').of_draw(draw)
        draws.append(read(single, IMAGES, T))
    expected = [torch.stack(maps).mean(0) for maps in zip(*draws)]
    assert (draws[0][0] - draws[1][0]).abs().max() > 1e-3
    need = weight_bytes(single) + 1.5 * pass_bytes(single.denoiser, ['mid', 'dec.1'], 16, 16)
    torch.manual_seed(0)
    cfg = dict(tiny_teacher(), draws=3, memory_gb=need / GIB)
    teacher = build_teacher(cfg, ['mid', 'dec.1'], MEAN, STD, noise='per_image')
    passes = []
    teacher.denoiser.network.register_forward_pre_hook(lambda _, args: passes.append(len(args[0])))
    for found, mean in zip(read(teacher, IMAGES, T), expected):
        torch.testing.assert_close(found, mean, atol=1e-5, rtol=1e-4)
    assert passes == [1] * 6
    with pytest.raises(ValueError, match="draws=2 of noise='none'"):
        build(draws=2)


def test_draws_of_fresh_noise_follow_the_generators_of_the_images():
    teacher = build(noise='fresh', draws=2)
    found = [
        read(teacher, IMAGES, T, generator=(torch.Generator().manual_seed(i) for i in (1, 2)))
        for _ in range(2)
    ]
    assert torch.equal(found[0][0], found[1][0])
