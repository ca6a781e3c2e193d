# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""No family hands PyTorch an attention that it can only compute by writing out N x N logits."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.testing.tiny import tiny_dit, tiny_teacher, tiny_vae
from mmdiffrep.testing.tiny_latent import TINY_LATENT

ADM = dict(
    type='ADMDenoiser',
    image_size=16,
    num_channels=32,
    num_res_blocks=1,
    channel_mult='1,2',
    attention_resolutions='8',
)
MODELS = {
    'UNet2D': tiny_teacher(),
    'ADM': ADM,
    'ADM, new attention order': dict(ADM, use_new_attention_order=True),
    'DiT': tiny_dit(),
    'VAE': dict(type='VAEDenoiser', config=dict(tiny_vae(), sample_size=16)),
    **TINY_LATENT,
}
MATH = 0  # torch.nn.attention.SDPBackend.MATH


@pytest.fixture
def backends(monkeypatch):
    """The kernels that PyTorch chose, one entry per attention."""
    chosen = []
    attend = F.scaled_dot_product_attention

    def record(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, **rest):
        args = (query, key, value, attn_mask, dropout_p, is_causal)
        if not query.is_meta:  # not the pass that finds the taps
            chosen.append(torch._fused_sdp_choice(*args))
        return attend(*args, **rest)

    monkeypatch.setattr(F, 'scaled_dot_product_attention', record)
    return chosen


@pytest.mark.parametrize('name', MODELS)
@torch.no_grad()
def test_attention_is_fused(name, backends):
    denoiser = load_denoiser(MODELS[name]).eval()
    side = denoiser.image_size
    x = torch.zeros(2, denoiser.in_channels, side, side)
    cond = denoiser.example_condition('cpu')
    denoiser.predict(x, 3, cond if name in TINY_LATENT else None)
    if name == 'pixart':  # the tokens of padding are masked
        mask = torch.ones(1, denoiser.text_tokens, dtype=torch.long)
        mask[:, 5:] = 0
        denoiser.predict(x, 3, dataclasses.replace(cond, prompt_mask=mask))
    assert backends
    assert MATH not in backends
