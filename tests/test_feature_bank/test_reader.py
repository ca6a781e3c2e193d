# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmdiffrep.apis import FeatureExtractor
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.diffusion.taps import TapError
from mmdiffrep.feature_bank import FeatureReader, stored_bytes, stored_shapes, upsampled_bytes
from mmdiffrep.testing import tiny_teacher


def images_of(dataset):
    return [dataset[index]['inputs'] for index in range(len(dataset))]


@pytest.mark.parametrize('noise', ['shared', 'per_image', 'none', dict(type='shared', seed=3)])
def test_features_are_those_of_the_extractor(denoiser, reader_of, pictures, noise):
    images = images_of(pictures(range(3)))
    features = reader_of(noise=noise)(images)
    rgb = torch.stack(images).flip(1) / 127.5 - 1
    expected = FeatureExtractor(denoiser, ['mid', 'dec.1'], [3, 15], noise=noise)(rgb)
    assert list(features) == [(3, 'mid'), (3, 'dec.1'), (15, 'mid'), (15, 'dec.1')]
    for key, maps in features.items():
        torch.testing.assert_close(maps, expected[key].permute(0, 2, 3, 1).half(), rtol=0, atol=0)


def test_pool_averages_cells(reader_of, pictures):
    images = images_of(pictures(range(2)))
    maps = reader_of(dtype='float32')(images)[3, 'mid']
    whole = reader_of(dtype='float32', pool=1)(images)[3, 'mid']
    cells = reader_of(dtype='float32', pool=2)(images)[3, 'mid']
    torch.testing.assert_close(whole, maps.mean((1, 2), keepdim=True))
    torch.testing.assert_close(cells[:, 1, 0], maps[:, 4:, :4].mean((1, 2)))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.sampled_from([None, 8, 12, 20]),
    pool=st.sampled_from([None, 1, 3]),
    dtype=st.sampled_from(['float16', 'bfloat16', 'float32']),
    sides=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_shapes_and_bytes_are_known_before_any_pass(denoiser, size, pool, dtype, sides):
    reader = FeatureReader(denoiser, ['dec.1', 'mid'], [2], size=size, pool=pool, dtype=dtype)
    features = reader([torch.full((3, *sides), 200).byte(), torch.zeros(3, 9, 5).byte()])
    assert list(reader.shapes) == list(features)
    for (channels, height, width), maps in zip(reader.shapes.values(), features.values()):
        assert maps.shape == (2, height, width, channels)
        assert maps.dtype == getattr(torch, dtype) and maps.is_contiguous()
    assert sum(maps.nbytes for maps in features.values()) == 2 * reader.bytes_per_image


def test_adm_256_needs_a_fortieth_of_resized_float32():
    """DDPM-Seg: t = 50, 150, 250 and output blocks 5, 6, 7, 8, 12, which are 8448 channels."""
    with torch.device('meta'):
        denoiser = load_denoiser(dict(type='ADMDenoiser', **ADM_PRESETS['adm-256-uncond']))
    taps = {f'dec.{block}': denoiser.taps[f'dec.{block}'] for block in (5, 6, 7, 8, 12)}
    shapes = stored_shapes(taps, [50, 150, 250], size=256)
    assert sum(channels for channels, _, _ in shapes.values()) == 8448
    assert stored_bytes(shapes, torch.float16) == 48 * 2**20
    assert upsampled_bytes(shapes, 256) == 8448 * 256 * 256 * 4
    assert upsampled_bytes(shapes, 256) / stored_bytes(shapes, torch.float16) == 44


def test_values_that_a_dtype_cannot_hold_are_refused(reader_of, pictures):
    images = images_of(pictures(range(2)))
    for dtype in ('float16', 'bfloat16'):
        reader = reader_of(['mid'], [3], dtype=dtype)
        reader.extract.read = lambda rgb, finish: {
            (3, 'mid'): finish(torch.full((len(rgb), 2, 1, 1), 7e4))
        }
        if dtype == 'bfloat16':
            reader(images)
            continue
        with pytest.raises(ValueError, match=r"mid at t = 3 do not fit float16.*dtype='bfloat16'"):
            reader(images)


@pytest.mark.parametrize(
    ('options', 'error', 'message'),
    [
        (dict(noise='fresh'), ValueError, 'draws anew'),
        (dict(taps=['dec.9']), TapError, 'dec.9'),
        (dict(taps=['mid', 'mid']), ValueError, 'differ'),
        (dict(taps='mid'), TapError, 'list of tap names'),
        (dict(timesteps=[20]), ValueError, r'in \[0, 19\]'),
        (dict(dtype='int8'), ValueError, "'float16', 'bfloat16', 'float32'"),
        (dict(precision='double'), ValueError, 'precision'),
        (dict(pool=9), ValueError, 'finer than the map of mid, 8 x 8'),
        (dict(pool=0), ValueError, 'at least 1'),
        (dict(size=9), ValueError, 'multiples of 2'),
        (dict(channel_order='gbr'), ValueError, "'rgb', 'bgr'"),
        (dict(batch_size=0), ValueError, 'batch_size'),
        (dict(model='no such folder'), FileNotFoundError, 'neither an existing folder'),
    ],
)
def test_bad_options(reader_of, options, error, message):
    with pytest.raises(error, match=message):
        reader_of(**options)


def test_the_stand_in_for_a_label_is_part_of_the_recipe():
    unet = dict(tiny_teacher()['unet'], num_class_embeds=3)
    recipes = []
    for null_label in ('mean', 'zero'):
        cfg = dict(tiny_teacher(), unet=unet, null_label=null_label)
        recipes.append(FeatureReader(cfg, ['mid'], [3]).recipe.settings)
    assert recipes[0] != recipes[1]


def test_normalized_images_are_refused(reader):
    with pytest.raises(ValueError, match='looks normalized'):
        reader([torch.randn(3, 16, 16)])


def test_a_bank_is_never_shared_between_precisions(model_folder):
    readers = [
        FeatureReader(model_folder, ['mid'], [3], precision=precision)
        for precision in (None, 'float32', 'bfloat16')
    ]
    keys = [reader.recipe.key for reader in readers]
    assert keys[0] == keys[1] != keys[2]
    assert [reader.recipe.precision for reader in readers] == ['float32', 'float32', 'bfloat16']
