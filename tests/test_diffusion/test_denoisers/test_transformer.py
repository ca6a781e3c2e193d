# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Patches, positions and cuts that transformers over latents have in common."""

import pytest
import torch
from diffusers import FluxPipeline

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion.denoisers.transformer import BothStreams, positions
from mmdiffrep.testing.tiny_latent import TINY_LATENT


@pytest.mark.parametrize(('height', 'width'), [(3, 5), (4, 1)])
def test_positions_are_those_of_diffusers(height, width):
    expected = FluxPipeline._prepare_latent_image_ids(1, height, width, 'cpu', torch.float32)
    found = positions(height, width, torch.device('cpu'))
    assert torch.equal(found.float(), expected)


def test_the_stand_in_gives_both_streams_as_a_block_does():
    image, prompt = torch.randn(1, 4, 8), torch.randn(1, 3, 8)
    found = BothStreams()(
        hidden_states=image, encoder_hidden_states=prompt, temb=None, joint_attention_kwargs=None
    )
    assert found[0] is prompt and found[1] is image


@pytest.mark.parametrize(
    ('kind', 'tap', 'kept'),
    [
        ('pixart', 'block.0', dict(transformer_blocks=1)),
        ('sd3', 'block.1', dict(transformer_blocks=2)),
        ('flux', 'block.1', dict(transformer_blocks=2, single_transformer_blocks=0)),
        ('flux', 'single.0', dict(transformer_blocks=2, single_transformer_blocks=1)),
    ],
)
def test_a_cut_keeps_the_blocks_up_to_the_tap(kind, tap, kept):
    denoiser = load_denoiser(dict(TINY_LATENT[kind]), taps=[tap])
    assert {name: len(getattr(denoiser.network, name)) for name in kept} == kept


def test_of_a_block_whose_input_is_read_only_a_stand_in_is_left():
    denoiser = load_denoiser(dict(TINY_LATENT['sd3']), taps=['block.1@in'])
    first, second = denoiser.network.transformer_blocks
    assert not isinstance(first, BothStreams) and isinstance(second, BothStreams)
