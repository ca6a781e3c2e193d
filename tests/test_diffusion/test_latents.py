# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The encoder of a VAE: the latents of diffusers, scaled."""

import pytest
import torch
from diffusers import AutoencoderKL

from mmdiffrep.diffusion.latents import LatentEncoder
from mmdiffrep.testing import tiny_vae


@pytest.fixture
def vae():
    return AutoencoderKL(**tiny_vae()).eval()


@torch.no_grad()
def test_latents_are_those_of_diffusers_scaled(vae):
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    posterior = vae.encode(images).latent_dist
    eps = torch.randn(2, 4, 8, 8)
    encoder = LatentEncoder(vae)
    assert (encoder.channels, encoder.stride) == (4, 2)
    torch.testing.assert_close(encoder(images), posterior.mean * 0.18215)
    drawn = (posterior.mean + posterior.std * eps) * 0.18215
    torch.testing.assert_close(encoder(images, eps), drawn)


def test_only_the_encoder_counts(vae, tmp_path):
    vae.save_pretrained(tmp_path / 'vae')
    digest = LatentEncoder.from_pretrained(str(tmp_path)).weights_hash
    with torch.no_grad():
        vae.decoder.conv_in.weight.add_(1)
    vae.save_pretrained(tmp_path / 'other_decoder')
    assert LatentEncoder.from_pretrained(str(tmp_path / 'other_decoder')).weights_hash == digest
    with torch.no_grad():
        vae.encoder.conv_in.weight.add_(1)
    assert LatentEncoder(vae).weights_hash != digest


def test_frozen_and_without_decoder(vae):
    encoder = LatentEncoder(vae)
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not any('decoder' in name for name in encoder.state_dict())


def test_bad_input(vae, tmp_path):
    encoder = LatentEncoder(vae)
    assert encoder(torch.zeros(1, 3, 16, 15)).shape == (1, 4, 8, 7)
    for shape in [(1, 3, 16, 1), (1, 1, 16, 16), (3, 16, 16)]:
        with pytest.raises(
            ValueError, match=r'sides .* at least 2, got 1|\(B, 3, H, W\), got shape'
        ):
            encoder(torch.zeros(shape))
    with pytest.raises(FileNotFoundError, match='holds no VAE'):
        LatentEncoder.from_pretrained(str(tmp_path))
    (tmp_path / 'config.json').write_text('{"_class_name": "VQModel"}')
    with pytest.raises(ValueError, match="got 'VQModel'"):
        LatentEncoder.from_pretrained(str(tmp_path))
