# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The published sizes of the latent families, on the meta device: taps, strides, costs."""

import pytest
import torch

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion.tap_costs import tap_costs

CROSS_DOWN, CROSS_UP = 'CrossAttnDownBlock2D', 'CrossAttnUpBlock2D'
CONFIGS = {
    'SD 1.5': dict(
        type='UNet2DConditionDenoiser', config=dict(sample_size=64, cross_attention_dim=768)
    ),
    'SD 2.1': dict(
        type='UNet2DConditionDenoiser',
        config=dict(
            sample_size=96,
            cross_attention_dim=1024,
            attention_head_dim=(5, 10, 20, 20),
            use_linear_projection=True,
        ),
    ),
    'SDXL': dict(
        type='UNet2DConditionDenoiser',
        config=dict(
            sample_size=128,
            cross_attention_dim=2048,
            block_out_channels=(320, 640, 1280),
            down_block_types=('DownBlock2D', CROSS_DOWN, CROSS_DOWN),
            up_block_types=(CROSS_UP, CROSS_UP, 'UpBlock2D'),
            attention_head_dim=(5, 10, 20),
            transformer_layers_per_block=(1, 2, 10),
            use_linear_projection=True,
            addition_embed_type='text_time',
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        ),
    ),
    'SD3-medium': dict(
        type='SD3Denoiser',
        config=dict(
            sample_size=128,
            num_layers=24,
            num_attention_heads=24,
            caption_projection_dim=1536,
            pos_embed_max_size=192,
        ),
    ),
    'Flux.1-dev': dict(type='FluxDenoiser', config=dict(guidance_embeds=True)),
    'PixArt-alpha 512': dict(
        type='PixArtDenoiser',
        config=dict(sample_size=64, num_layers=28, cross_attention_dim=1152, caption_channels=4096),
    ),
}
# share of the pass, measured once with diffusers' own networks and a FLOP counter
SHARES = {
    'SD 1.5': {
        'mid': 32.5,
        'dift:0': 35.8,
        'dift:1': 54.6,
        'dift:2': 75.4,
        'dec.4': 46.2,
        'dec.11@in': 92.1,
    },
    'SD 2.1': {'mid': 33.7, 'dift:0': 36.4, 'dift:1': 52.4, 'dift:2': 70.9, 'dec.4': 45.3},
    'SDXL': {'mid': 43.4, 'dift:0': 79.3, 'dift:1': 95.2, 'dec.4': 89.0, 'dec.8@in': 98.6},
    'SD3-medium': {'block.8': 37.6, 'block.11': 50.1, 'block.13': 58.4, 'block.18': 79.3},
    'Flux.1-dev': {
        'block.9': 17.6,
        'block.18': 33.3,
        'single.0': 35.1,
        'single.9': 50.9,
        'single.19': 68.4,
        'single.28': 84.2,
    },
    'PixArt-alpha 512': {'block.9': 35.8, 'block.13': 50.1, 'block.20': 75.0},
}
PARAMETERS = {'SD 1.5': 859_520_964, 'SD 2.1': 865_910_724, 'SDXL': 2_567_463_684}
NUM_BLOCKS = {
    'SD 1.5': 21,
    'SD 2.1': 21,
    'SDXL': 16,
    'SD3-medium': 24,
    'Flux.1-dev': 57,
    'PixArt-alpha 512': 28,
}


@pytest.mark.parametrize('name', CONFIGS)
def test_taps_and_costs_of_published_sizes(name):
    with torch.device('meta'):
        denoiser = load_denoiser(CONFIGS[name])
    assert len(denoiser.taps) == NUM_BLOCKS[name]
    if name in PARAMETERS:
        assert sum(value.numel() for value in denoiser.parameters()) == PARAMETERS[name]
    for tap, share in tap_costs(denoiser, list(SHARES[name])).items():
        assert 100 * share == pytest.approx(SHARES[name][tap], abs=0.5), tap


def test_strides_and_channels():
    with torch.device('meta'):
        sd = load_denoiser(CONFIGS['SD 1.5'])
        flux = load_denoiser(CONFIGS['Flux.1-dev'])
    assert sd.taps['dift:1'] == (1280, 2) and sd.taps['dift:2'] == (640, 1)
    assert sd.taps['mid'] == (1280, 8) and sd.taps['enc.0'] == (320, 1)
    queries = 'module:up_blocks.1.attentions.1.transformer_blocks.0.attn2.to_q'
    assert sd.taps[queries] == (1280, 4)
    assert flux.taps['single.9'] == flux.taps['block.0'] == (3072, 2)
