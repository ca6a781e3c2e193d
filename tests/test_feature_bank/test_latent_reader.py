# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From packed images to stored latents."""

import copy

import pytest
import torch
from diffusers import AutoencoderKL

from mmdiffrep.diffusion.latents import LatentEncoder
from mmdiffrep.feature_bank import LatentReader
from mmdiffrep.feature_bank.recipe import LATENT, LatentRecipe, recipe_from_json
from mmdiffrep.testing import tiny_vae


@pytest.fixture
def encoder():
    return LatentEncoder(AutoencoderKL(**tiny_vae()))


@pytest.fixture
def pixels():
    return list(torch.randint(0, 256, (3, 3, 16, 16)).byte())


def test_the_mean_is_that_of_the_encoder(encoder, pixels):
    reader = LatentReader(encoder, 16, 'mean', channel_order='rgb', dtype='float32')
    (stored,) = reader(pixels).values()
    expected = encoder(torch.stack(pixels).float() / 127.5 - 1)
    torch.testing.assert_close(stored.permute(0, 3, 1, 2), expected)


def test_a_draw_depends_on_the_image_alone(encoder, pixels):
    reader = LatentReader(encoder, 16, dtype='float32')
    together = reader(pixels)[LATENT]
    alone = reader(pixels[1:2])[LATENT]
    torch.testing.assert_close(together[1:2], alone)
    mean = LatentReader(encoder, 16, 'mean', dtype='float32')(pixels)[LATENT]
    other = LatentReader(encoder, 16, seed=1, dtype='float32')(pixels)[LATENT]
    assert not torch.allclose(together, mean) and not torch.allclose(together, other)


def test_images_of_other_sizes_are_resized(encoder, pixels):
    reader = LatentReader(encoder, 32)
    stored = reader([pixels[0], pixels[1][:, :8, :12]])[LATENT]
    assert stored.shape == (2, 16, 16, 4) and stored.dtype == torch.float16
    assert reader.bytes_per_image == 4 * 16 * 16 * 2


def test_published_size_of_a_latent():
    """Ten copies of 50,000 images of 256 px take 4.1 GB."""
    four = {key: value * 2 for key, value in tiny_vae().items() if key != 'norm_num_groups'}
    reader = LatentReader(LatentEncoder(AutoencoderKL(**four, norm_num_groups=4)))
    assert reader.shape == (4, 32, 32)
    assert 10 * 50_000 * reader.bytes_per_image == 4_096_000_000


def test_every_setting_is_in_the_key(encoder):
    plain = LatentReader(encoder, 16).recipe
    others = [
        LatentReader(encoder, 32),
        LatentReader(encoder, 16, 'mean'),
        LatentReader(encoder, 16, seed=1),
        LatentReader(encoder, 16, channel_order='rgb'),
        LatentReader(encoder, 16, dtype='bfloat16'),
        LatentReader(LatentEncoder(AutoencoderKL(**tiny_vae())), 16),
        LatentReader(LatentEncoder(AutoencoderKL(**tiny_vae(), scaling_factor=1.0)), 16),
    ]
    assert len({plain.key, *(reader.recipe.key for reader in others)}) == 8
    again = recipe_from_json(plain.to_json())
    assert isinstance(again, LatentRecipe) and again == plain and again.key == plain.key
    assert plain.differences(others[1].recipe) == ['posterior: sample here, mean there']


def test_bad_arguments(encoder, pixels):
    with pytest.raises(ValueError, match="posterior must be one of .*'mode'"):
        LatentReader(encoder, 16, 'mode')
    with pytest.raises(ValueError, match='multiple of 2, got 15'):
        LatentReader(encoder, 15)
    with pytest.raises(ValueError, match='int8'):
        LatentReader(encoder, 16, dtype='int8')
    with torch.no_grad():
        encoder.vae.quant_conv.bias.fill_(1e7)
    with pytest.raises(ValueError, match='do not fit float16'):
        LatentReader(encoder, 16, 'mean')(pixels)


def test_precision_is_part_of_the_key_and_float32_is_what_it_was(pixels):
    vae = AutoencoderKL(**tiny_vae())
    exact = LatentReader(LatentEncoder(copy.deepcopy(vae)), 16, dtype='float32')
    rough = LatentReader(LatentEncoder(vae), 16, dtype='float32', precision='bfloat16')
    assert rough.recipe.vae == exact.recipe.vae and rough.recipe.key != exact.recipe.key
    assert 'precision' not in exact.recipe._compared()
    first, second = rough(pixels)[LATENT], exact(pixels)[LATENT]
    assert 0 < (first - second).norm() / second.norm() < 0.05
    with pytest.raises(ValueError, match='already computes in bfloat16'):
        LatentReader(rough.encoder, 16, precision='float32')
