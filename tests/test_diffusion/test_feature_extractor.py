# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import io

import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.apis import FeatureExtractor
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.taps import TapError

ADM = dict(
    type='ADMDenoiser',
    image_size=16,
    num_channels=32,
    num_res_blocks=1,
    channel_mult='1,2',
    attention_resolutions='8',
    class_cond=True,
    num_classes=5,
)
TAPS, TIMESTEPS = ['dec.1', 'mid'], [400, 3]


@pytest.fixture(scope='module')
def denoiser():
    whole = load_denoiser(ADM)
    generator = torch.Generator().manual_seed(0)
    for parameter in whole.parameters():
        parameter.data.normal_(std=0.1, generator=generator)
    return whole


@pytest.fixture(scope='module')
def images():
    return torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_keys_shapes_and_values(denoiser, images):
    extract = FeatureExtractor(denoiser, TAPS, TIMESTEPS, noise='none')
    features = extract(images)
    assert list(features) == [(400, 'dec.1'), (400, 'mid'), (3, 'dec.1'), (3, 'mid')]
    for (t, tap), maps in features.items():
        expected = denoiser(images, t, taps=[tap])[tap]
        torch.testing.assert_close(maps, expected, atol=1e-5, rtol=1e-5)
        channels, stride = extract.tap_table[tap]
        assert maps.shape == (5, channels, 16 // stride, 16 // stride)
        assert not maps.requires_grad


@pytest.mark.parametrize('noise', ['shared', 'per_image', 'none'])
def test_batch_size_changes_nothing(denoiser, images, noise):
    whole = FeatureExtractor(denoiser, TAPS, TIMESTEPS, noise=noise)(images)
    parts = FeatureExtractor(denoiser, TAPS, TIMESTEPS, noise=noise, batch_size=2)(images)
    for key, maps in whole.items():
        torch.testing.assert_close(parts[key], maps, atol=1e-5, rtol=1e-5)


def test_batch_size_bounds_a_pass(denoiser, images):
    sizes = []
    handle = denoiser.network.input_blocks[0].register_forward_hook(
        lambda module, args, output: sizes.append(len(output))
    )
    FeatureExtractor(denoiser, TAPS, TIMESTEPS, batch_size=2)(images)
    handle.remove()
    assert sizes == [4, 4, 2], 'two timesteps for each image'


def test_labels(denoiser, images):
    extract = FeatureExtractor(denoiser, ['mid'], [3], batch_size=2)
    labels = torch.tensor([0, 1, 2, 3, 4])
    given = extract(images, labels=labels)[3, 'mid']
    assert not torch.allclose(given, extract(images)[3, 'mid'])
    swapped = extract(images, labels=labels.flip(0))[3, 'mid']
    torch.testing.assert_close(swapped[2], given[2], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(swapped[4], given[4])
    with pytest.raises(ValueError, match=r'0 \.\. 4'):
        extract(images, labels=labels + 1)


def test_dtype(images):
    extract = FeatureExtractor(ADM, TAPS, TIMESTEPS, dtype=torch.bfloat16)
    assert {maps.dtype for maps in extract(images).values()} == {torch.bfloat16}
    # Noise is added in float32, before the rounding.
    torch.testing.assert_close(
        extract(images)[3, 'mid'], extract(images.double())[3, 'mid'], atol=0, rtol=0
    )


def test_what_a_notebook_has_at_hand_gives_the_features_of_its_batch(denoiser):
    levels = torch.randint(0, 256, (2, 16, 16, 3), generator=torch.Generator().manual_seed(2))
    arrays = levels.byte().numpy()
    extract = FeatureExtractor(denoiser, ['mid'], [3], noise='per_image')
    expected = extract(levels.permute(0, 3, 1, 2).float() / 127.5 - 1)[3, 'mid']
    pictures = [Image.fromarray(array) for array in arrays]
    tensors = [torch.from_numpy(array).permute(2, 0, 1) for array in arrays]
    for images in (arrays, list(arrays), pictures, tensors, torch.stack(tensors)):
        torch.testing.assert_close(extract(images)[3, 'mid'], expected)
    for image in (pictures[0], arrays[0], tensors[0], tensors[0].float() / 127.5 - 1):
        torch.testing.assert_close(extract(image)[3, 'mid'], expected[:1])


def test_gray_pictures_and_turned_ones_are_made_rgb_and_upright(denoiser):
    extract = FeatureExtractor(denoiser, ['mid'], [3], noise='none')
    upright = Image.fromarray((np.arange(256) % 256).astype('uint8').reshape(16, 16))
    exif = upright.getexif()
    exif[0x0112] = 3  # turned by 180 degrees
    file = io.BytesIO()
    upright.rotate(180).save(file, 'png', exif=exif)
    torch.testing.assert_close(extract(Image.open(file)), extract(upright.convert('RGB')))


@pytest.mark.parametrize(
    ('images', 'error', 'message'),
    [
        ('photo.png', TypeError, 'images must be .* \\(str\\)'),
        ([], ValueError, r'\(B, 3, H, W\)'),
        ([torch.zeros(3, 16, 16), torch.zeros(3, 32, 16)], ValueError, 'must be the same, got'),
        (Image.new('I;16', (16, 16)), ValueError, "8 bits per channel, got mode 'I;16'"),
        (np.zeros((16, 16), 'uint8'), ValueError, 'shape'),
    ],
)
def test_what_is_not_images_is_an_error(denoiser, images, error, message):
    with pytest.raises(error, match=message):
        FeatureExtractor(denoiser, TAPS, TIMESTEPS)(images)


def test_precision_is_that_of_the_pass_not_of_the_features(images):
    rough = FeatureExtractor(ADM, ['mid'], [3], precision='bfloat16')
    assert rough.denoiser.precision == 'bfloat16'
    assert rough(images)[3, 'mid'].dtype == torch.float32
    exact = FeatureExtractor(ADM, ['mid'], [3])
    assert exact.denoiser.precision == 'float32'


def test_a_network_computes_in_one_precision():
    extract = FeatureExtractor(ADM, ['mid'], [3], precision='bfloat16')
    with pytest.raises(ValueError, match='already computes in bfloat16'):
        FeatureExtractor(extract.denoiser, ['mid'], [3], precision='float32')
    assert FeatureExtractor(extract.denoiser, ['mid'], [3]).denoiser.precision == 'bfloat16'


def test_config_is_truncated():
    assert 'dec.1' not in FeatureExtractor(ADM, ['mid'], [0]).denoiser.taps


def test_noise_levels():
    extract = FeatureExtractor(ADM, ['mid'], noise_levels=[0.1733])
    assert extract.timesteps == (50,)


@pytest.mark.parametrize('scale', [(127.5, 127.5), (3.0, 0.0)])
def test_wrong_range_is_an_error(denoiser, images, scale):
    with pytest.raises(ValueError, match=r'Expected images in \[-1, 1\]'):
        FeatureExtractor(denoiser, TAPS, TIMESTEPS)(images * scale[0] + scale[1])
    with pytest.raises(ValueError, match='Expected images'):
        FeatureExtractor(denoiser, TAPS, TIMESTEPS)(images * float('nan'))


def test_unit_range_is_suspected(denoiser, images):
    with pytest.warns(UserWarning, match=r'images \* 2 - 1') as warned:
        FeatureExtractor(denoiser, TAPS, TIMESTEPS)(images / 2 + 0.5)
    assert warned[0].filename == __file__  # the line of the user, so that each has its own


@pytest.mark.parametrize(
    ('arguments', 'error'),
    [
        (dict(taps=['dec.40']), TapError),
        (dict(taps='mid'), TapError),
        (dict(timesteps=50), TypeError),
        (dict(timesteps=[1000]), ValueError),
        (dict(batch_size=0), ValueError),
        (dict(dtype='bf16'), ValueError),
        (dict(noise='pink'), ValueError),
        (dict(noise_levels=[0.5]), ValueError),
    ],
)
def test_bad_arguments(denoiser, arguments, error):
    with pytest.raises(error):
        FeatureExtractor(**{**dict(model=denoiser, taps=TAPS, timesteps=TIMESTEPS), **arguments})


@pytest.mark.parametrize('shape', [(16, 16), (0, 3, 16, 16), (1, 2, 16, 16), (1, 3, 15, 16)])
def test_bad_shapes(denoiser, shape):
    with pytest.raises(ValueError, match=r'shape|multiples'):
        FeatureExtractor(denoiser, TAPS, TIMESTEPS)(torch.zeros(shape))
