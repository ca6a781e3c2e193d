# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Packed latents and guidance of Flux, and what SD3 and Flux say of themselves."""

import pytest
import torch
from diffusers import FluxPipeline

from mmdiffrep.diffusion import Condition, load_denoiser
from mmdiffrep.diffusion.denoisers.mmdit import _pack, _unpack
from mmdiffrep.testing.tiny_latent import TINY_LATENT


def flux(**config):
    tiny = TINY_LATENT['flux']
    torch.manual_seed(0)
    return load_denoiser(dict(tiny, config={**tiny['config'], **config})).freeze()


def test_packing_is_that_of_diffusers_and_is_undone():
    latents = torch.randn(2, 4, 6, 10)
    packed = _pack(latents, (3, 5))
    assert torch.equal(packed, FluxPipeline._pack_latents(latents, 2, 4, 6, 10))
    assert torch.equal(_unpack(packed, (3, 5)), latents)


def test_a_guided_network_is_told_3_5_unless_the_condition_says_more():
    denoiser = flux()
    x, given = torch.randn(2, 4, 16, 16), denoiser.example_condition('cpu').given
    for parameter in denoiser.parameters():
        if not parameter.any():
            parameter.normal_(std=0.1)
    found = denoiser.predict(x, 500, Condition(**given))
    same = denoiser.predict(x, 500, Condition(**given, guidance=torch.tensor([3.5])))
    other = denoiser.predict(x, 500, Condition(**given, guidance=torch.tensor([1.0])))
    assert torch.equal(found, same) and not torch.allclose(found, other)


def test_guidance_for_a_network_that_is_not_told_one_is_refused():
    denoiser = flux(guidance_embeds=False)
    cond = Condition(**denoiser.example_condition('cpu').given, guidance=torch.ones(1))
    with pytest.raises(ValueError, match='is not told a guidance scale: give none'):
        denoiser.predict(torch.zeros(1, 4, 16, 16), 500, cond)


def test_a_config_of_flux_says_no_size():
    tiny = dict(TINY_LATENT['flux'])
    tiny.pop('image_size')
    with torch.device('meta'):
        denoiser = load_denoiser(tiny)
    assert denoiser.image_size == 128 and denoiser.in_channels == 4


@pytest.mark.parametrize(('kind', 'tokens'), [('sd3', 333), ('flux', 512)])
def test_the_example_has_the_prompts_own_lengths(kind, tokens):
    with torch.device('meta'):
        denoiser = load_denoiser(dict(TINY_LATENT[kind]))
    given = denoiser.example_condition().given
    assert given['prompt_embeds'].shape == (1, tokens, denoiser.text_width)
    pooled = denoiser.network.config.pooled_projection_dim
    assert given['pooled_embeds'].shape == (1, pooled)
