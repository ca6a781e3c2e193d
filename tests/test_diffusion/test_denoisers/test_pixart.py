# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What PixArt is told besides latent and timestep, against diffusers' own call."""

import pytest
import torch

from mmdiffrep.diffusion import Condition, load_denoiser
from mmdiffrep.testing.tiny_latent import TINY_LATENT

T = torch.tensor([3, 700])


def build(**config):
    tiny = TINY_LATENT['pixart']
    torch.manual_seed(0)
    denoiser = load_denoiser(dict(tiny, config={**tiny['config'], **config})).freeze()
    for parameter in denoiser.parameters():
        if not parameter.any():
            parameter.normal_(std=0.1)
    return denoiser


@pytest.fixture(scope='module')
def prompt():
    return torch.randn(2, 6, 16, generator=torch.Generator().manual_seed(1))


def test_models_of_1024_px_are_told_size_and_aspect_ratio(prompt):
    # three embeddings side by side: the width is a multiple of 3
    width = dict(num_attention_heads=3, attention_head_dim=8, cross_attention_dim=24)
    denoiser = build(use_additional_conditions=True, **width)
    x = torch.randn(2, 4, 16, 8)
    told = dict(
        resolution=torch.tensor([[128.0, 64.0]] * 2), aspect_ratio=torch.tensor([[2.0]] * 2)
    )
    expected = denoiser.network(
        x, encoder_hidden_states=prompt, timestep=T, added_cond_kwargs=told
    ).sample
    assert torch.equal(denoiser.predict(x, T, Condition(prompt_embeds=prompt)), expected)
    told['resolution'] = torch.tensor([[64.0, 64.0]] * 2)
    other = denoiser.network(
        x, encoder_hidden_states=prompt, timestep=T, added_cond_kwargs=told
    ).sample
    assert not torch.equal(other, expected)


def test_masked_tokens_of_a_prompt_do_not_count(prompt):
    denoiser = build()
    x, mask = torch.randn(2, 4, 16, 16), torch.tensor([[1, 1, 1, 1, 0, 0]])
    changed = prompt.clone()
    changed[:, 4:] += 1
    one, other = (
        denoiser.predict(x, T, Condition(prompt_embeds=tokens, prompt_mask=mask))
        for tokens in (prompt, changed)
    )
    torch.testing.assert_close(one, other)
    plain = denoiser.predict(x, T, Condition(prompt_embeds=changed))
    assert (plain - one).abs().max() > 1e-4


def test_sizes_follow_from_the_config():
    denoiser = build(sample_size=32)
    assert denoiser.image_size == 32 and denoiser.in_channels == 4
    assert denoiser.text_width == 16
    assert denoiser.example_condition('cpu').prompt_embeds.shape == (1, 120, 16)
