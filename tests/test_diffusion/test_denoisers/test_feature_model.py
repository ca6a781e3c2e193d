# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What all models share: gray input, frozen weights, twins, checks of images."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.testing.tiny_latent import TINY_LATENT


def build(**unet):
    tiny = tiny_teacher()
    return load_denoiser(dict(tiny, unet={**tiny['unet'], **unet}))


def test_rgb_becomes_gray_as_pillow_does():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    gray = torch.from_numpy(np.array(Image.fromarray(pixels).convert('L'))).float()
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    found = build(in_channels=1, out_channels=1).clean(images)
    assert found.shape == (1, 1, 16, 16)
    torch.testing.assert_close((found[0, 0] + 1) * 127.5, gray, atol=1, rtol=0)  # Pillow rounds
    white = torch.ones(1, 3, 16, 16)
    torch.testing.assert_close(build(in_channels=1).clean(white), white[:, :1])


def test_images_of_the_networks_own_channels_stay_as_they_are():
    images, gray = torch.randn(1, 3, 16, 16), torch.randn(1, 1, 16, 16)
    assert build().clean(images) is images
    assert build(in_channels=1).clean(gray) is gray


def test_a_twin_shares_weights_and_is_cut_on_its_own():
    model = build().freeze()
    twin = model.share_weights().truncate(['mid'])
    own = dict(model.named_parameters())
    assert all(value is own[name] for name, value in twin.named_parameters())
    assert twin.weights_hash == model.weights_hash
    x = torch.randn(1, 3, 16, 16)
    assert torch.equal(twin(x, 3)['mid'], model(x, 3, taps=['mid'])['mid'])
    assert model.predict(x, 3).shape == x.shape


def test_a_model_of_other_channels_is_refused_for_images():
    with pytest.raises(ValueError, match='takes 4 channels, not RGB or gray.*needs its VAE'):
        load_denoiser(dict(TINY_LATENT['pixart'])).require_images_only()


def test_sides_are_checked_before_any_pass():
    model = build()
    model.require_images_only((16, 24))
    with pytest.raises(ValueError, match='got 16x17; it was trained on 16x16'):
        model.require_images_only((16, 17))
