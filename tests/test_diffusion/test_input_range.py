# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmdiffrep.diffusion.input_range import DenoiserInput

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def raw(seed=0, side=8, count=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, side, side), generator=generator).float()


def normalize(images, mean=MEAN, std=STD):
    return (images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


@settings(deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.floats(0, 255), min_size=3, max_size=3),
    st.lists(st.floats(1, 255), min_size=3, max_size=3),
)
def test_undoes_any_normalization(seed, mean, std):
    images = raw(seed)
    found = DenoiserInput(mean, std)(normalize(images, mean, std))
    assert torch.allclose(found, images / 127.5 - 1, atol=5e-6)


def test_whole_8_bit_range_comes_back_exactly():
    levels = torch.arange(256).float().expand(1, 3, 1, 256)
    found = DenoiserInput(MEAN, STD)(normalize(levels))
    assert torch.equal(((found + 1) * 127.5).round(), levels)
    assert (found - (levels / 127.5 - 1)).abs().max() < 1e-6
    assert found.min() == pytest.approx(-1, abs=1e-6)
    assert found.max() == pytest.approx(1, abs=1e-6)


def test_channel_order():
    bgr = raw()
    found = DenoiserInput(MEAN[::-1], STD[::-1], channel_order='bgr')(
        normalize(bgr, MEAN[::-1], STD[::-1])
    )
    assert torch.allclose(found, bgr.flip(1) / 127.5 - 1, atol=1e-6)


def test_images_that_are_not_normalized():
    images = raw()
    assert torch.equal(DenoiserInput()(images), images / 127.5 - 1)
    assert torch.equal(DenoiserInput()(images.to(torch.uint8)), images / 127.5 - 1)


def test_half_precision_and_autocast_give_fp32():
    convert = DenoiserInput(MEAN, STD, size=4)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = convert(normalize(raw()).bfloat16())
    assert found.dtype == torch.float32
    convert = DenoiserInput(MEAN, STD).half()
    assert torch.allclose(convert(normalize(raw())), raw() / 127.5 - 1, atol=1e-6)


def test_resizes_with_antialiasing_only_where_needed():
    images = raw(side=16)
    found = DenoiserInput(size=4)(images)
    expected = F.interpolate(images / 127.5 - 1, size=(4, 4), mode='bilinear', antialias=True)
    assert torch.allclose(found, expected, atol=1e-6)
    plain = F.interpolate(images / 127.5 - 1, size=(4, 4), mode='bilinear')
    assert not torch.allclose(found, plain, atol=1e-2)
    assert DenoiserInput(size=(4, 8))(images).shape == (2, 3, 4, 8)
    assert torch.equal(DenoiserInput(size=16)(images), images / 127.5 - 1)


@pytest.mark.parametrize('size', [(5, 11), (40, 24)])
def test_bicubic_resizing_is_pillows(size):
    images = (raw(side=16) * 0.6 + 50).round()  # nothing is clamped between the two directions
    found = (DenoiserInput(size=size, interpolation='bicubic')(images) + 1) * 127.5
    for image, resized in zip(images.byte(), found):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        expected = np.asarray(picture.resize(size[::-1], Image.Resampling.BICUBIC))
        difference = (resized - torch.tensor(expected).permute(2, 0, 1)).abs()
        assert difference.max() < 2 and difference.mean() < 0.5  # Pillow rounds, twice
    bilinear = (DenoiserInput(size=size)(images) + 1) * 127.5
    assert (bilinear - found).abs().mean() > 1
    edge = torch.tensor([0.0, 255.0]).repeat_interleave(8).expand(1, 3, 16, 16)
    found = DenoiserInput(size=size, interpolation='bicubic')(edge)
    assert found.min() == -1 and found.max() == 1
    with pytest.raises(ValueError, match="interpolation must be one of 'bilinear', 'bicubic'"):
        DenoiserInput(interpolation='cubic')


def test_padding_comes_out_as_the_mean():
    padded = F.pad(normalize(raw()), (0, 3))
    gray = torch.tensor(MEAN) / 127.5 - 1
    assert torch.allclose(DenoiserInput(MEAN, STD)(padded)[..., -1], gray.view(1, 3, 1), atol=1e-6)


def test_nothing_is_saved():
    assert not DenoiserInput(MEAN, STD).state_dict()


@pytest.mark.parametrize(
    ('convert', 'images', 'message'),
    [
        (DenoiserInput(MEAN, STD), raw(), r'0 .. 255; undoing mean=\[123.* Set mean and std'),
        (DenoiserInput(MEAN, STD), raw() * 9, 'undoing mean'),
        (DenoiserInput(), normalize(raw()), 'looks normalized'),
        (DenoiserInput(), raw() / 255, r'for \[0, 1\]: mean=\[0\]\*3, std=\[255\]\*3'),
        (DenoiserInput(), raw() / 127.5 - 1, 'looks normalized'),
        (DenoiserInput(), raw() - 128, 'where 0 .. 255 was expected'),
        (DenoiserInput(), raw() * float('nan'), 'nan'),
    ],
)
def test_wrong_range(convert, images, message):
    with pytest.raises(ValueError, match=message):
        convert(images)


def test_dark_images_and_small_overshoot_pass():
    DenoiserInput()(torch.zeros(2, 3, 4, 4))
    DenoiserInput()(torch.full((2, 3, 4, 4), 2.0))
    DenoiserInput()(raw() * 1.02 - 2)
    DenoiserInput(MEAN, STD)(normalize(torch.zeros(2, 3, 4, 4)))


def test_only_the_first_batches_are_checked():
    convert = DenoiserInput(check_batches=1)
    convert(raw())
    convert(raw() * 100)


def test_one_number_is_for_all_channels():
    images = torch.rand(2, 3, 8, 8) * 2 - 1
    single, three = (DenoiserInput(mean=[127.5] * n, std=[127.5] * n)(images) for n in (1, 3))
    assert torch.equal(single, three)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'rgb', 'bgr'"):
        DenoiserInput(channel_order='RGB')
    with pytest.raises(ValueError, match='both or neither'):
        DenoiserInput(mean=MEAN)
    with pytest.raises(ValueError, match='3 numbers'):
        DenoiserInput([0.5] * 2, [0.5] * 2)
    with pytest.raises(ValueError, match=r'\(B, 3, H, W\)'):
        DenoiserInput()(torch.zeros(2, 4, 4, 4))


def test_statistics_of_0_to_1_are_an_error():
    with pytest.raises(
        ValueError, match=r'units of 0 \.\. 255, mean=\[123\.675, 116\.28, 103\.53\]'
    ):
        DenoiserInput(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


def test_images_of_0_to_1_are_told(caplog):
    to_rgb = DenoiserInput(mean=[0.0] * 3, std=[1.0] * 3)
    with caplog.at_level('WARNING', 'mmdiffrep'):
        to_rgb(torch.rand(2, 3, 8, 8))
    assert 'nearly black. Are mean and std in units of 0 .. 1?' in caplog.text
