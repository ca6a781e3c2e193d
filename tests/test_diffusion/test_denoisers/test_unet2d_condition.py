# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Inputs of Stable Diffusion's U-Net besides latent and timestep, against diffusers' own call."""

import pytest
import torch

from mmdiffrep.diffusion import Condition, load_denoiser
from mmdiffrep.testing.tiny_latent import TINY_LATENT

T = torch.tensor([3, 700])


def build(kind='sd', **config):
    tiny = TINY_LATENT[kind]
    torch.manual_seed(0)
    return load_denoiser(dict(tiny, config={**tiny['config'], **config})).freeze()


def test_labels_reach_the_class_embedding():
    denoiser = build(num_class_embeds=3)
    assert denoiser.num_classes == 3
    x, prompt, labels = torch.randn(2, 4, 16, 16), torch.randn(2, 5, 16), torch.tensor([0, 2])
    found = denoiser.predict(x, T, Condition(prompt_embeds=prompt, labels=labels))
    expected = denoiser.network(x, T, encoder_hidden_states=prompt, class_labels=labels).sample
    assert torch.equal(found, expected)
    with pytest.raises(ValueError, match=r'labels 0 \.\. 2'):
        denoiser.predict(x, T, Condition(prompt_embeds=prompt, labels=labels + 1))


def test_masked_tokens_of_a_prompt_do_not_count():
    denoiser = build()
    x, prompt, mask = torch.randn(2, 4, 16, 16), torch.randn(2, 5, 16), torch.ones(1, 5)
    mask[:, 3:] = 0
    changed = prompt.clone()
    changed[:, 3:] += 1
    one, other = (
        denoiser.predict(x, T, Condition(prompt_embeds=tokens, prompt_mask=mask))
        for tokens in (prompt, changed)
    )
    torch.testing.assert_close(one, other)


def test_the_size_that_sdxl_is_told_counts_pixels():
    denoiser = build('sdxl')
    x, cond = torch.randn(1, 4, 16, 8), denoiser.example_condition('cpu')
    denoiser.pixels_per_cell = 4
    told = torch.tensor([[64.0, 32.0, 0, 0, 64.0, 32.0]])
    expected = denoiser.network(
        x,
        T[:1],
        encoder_hidden_states=cond.prompt_embeds,
        added_cond_kwargs=dict(text_embeds=cond.pooled_embeds, time_ids=told),
    ).sample
    assert torch.equal(denoiser.predict(x, T[:1], cond), expected)


def test_the_decoder_takes_the_encoders_maps_in_reverse_order():
    denoiser = build()
    assert len(denoiser.skips) == len([tap for tap in denoiser.taps if tap.startswith('dec')])
    skips = [denoiser.taps[tap] for tap in denoiser.skips]
    taken = [denoiser.taps[f'dec.{index}@in'] for index in range(len(skips))]
    before = [denoiser.taps['mid'], *(denoiser.taps[f'dec.{i}'] for i in range(len(skips) - 1))]
    for skip, given, deeper in zip(skips, taken, before):
        assert skip.stride == given.stride
        assert given.channels == deeper.channels + skip.channels


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (
            dict(class_embed_type='timestep'),
            "class_embed_type must be one of None, got 'timestep'.*Stable Diffusion 1, 2 and XL",
        ),
        (
            dict(encoder_hid_dim=16, encoder_hid_dim_type='text_proj'),
            "encoder_hid_dim_type must be one of None, got 'text_proj'",
        ),
    ],
)
def test_networks_with_other_inputs_are_refused(config, message):
    with pytest.raises(ValueError, match=message):
        build(**config)
