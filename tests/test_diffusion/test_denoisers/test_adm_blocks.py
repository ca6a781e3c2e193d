# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""ADM's layers against formulas written out independently."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.diffusion.denoisers.adm_blocks import (
    AttentionBlock,
    ResBlock,
    timestep_embedding,
)


def randomize(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give every parameter a value: the zero-initialized ones would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data.normal_(std=0.1, generator=generator)
    return module.eval().requires_grad_(False)


def test_timestep_embedding_is_cosines_then_sines():
    embedding = timestep_embedding(torch.tensor([0, 3, 999]), channels=8)
    for row, t in zip(embedding, (0, 3, 999)):
        frequencies = [10000 ** (-i / 4) for i in range(4)]
        expected = [math.cos(t * f) for f in frequencies] + [math.sin(t * f) for f in frequencies]
        torch.testing.assert_close(row, torch.tensor(expected), atol=1e-4, rtol=0)


def reference_attention(block: AttentionBlock, x: Tensor, num_heads: int, new_order: bool):
    batch, channels, height, width = x.shape
    normed = F.group_norm(x, 32, block.norm.weight, block.norm.bias)
    kernel = block.qkv.weight[:, :, 0]
    qkv = torch.einsum('oc,bchw->bohw', kernel, normed) + block.qkv.bias[None, :, None, None]
    head = channels // num_heads
    outputs = []
    for index in range(num_heads):
        if new_order:  # all queries, then all keys, then all values
            starts = [part * channels + index * head for part in range(3)]
        else:  # the first head's query, key and value, then the second head's
            starts = [(index * 3 + part) * head for part in range(3)]
        query, key, value = (qkv[:, s : s + head].reshape(batch, head, -1) for s in starts)
        logits = torch.einsum('bcq,bck->bqk', query, key) / math.sqrt(head)
        outputs.append(torch.einsum('bqk,bck->bcq', logits.softmax(dim=-1), value))
    attended = torch.cat(outputs, dim=1)
    projected = torch.einsum('oc,bcq->boq', block.proj_out.weight[:, :, 0], attended)
    projected = projected + block.proj_out.bias[None, :, None]
    return x + projected.reshape(batch, channels, height, width)


@pytest.mark.parametrize('new_order', [False, True])
@pytest.mark.parametrize('heads', [dict(num_heads=4, num_head_channels=-1), None])
def test_attention_matches_reference(new_order, heads):
    heads = heads or dict(num_heads=1, num_head_channels=16)
    block = randomize(AttentionBlock(64, **heads, use_new_attention_order=new_order))
    x = torch.randn(2, 64, 3, 5, generator=torch.Generator().manual_seed(1))
    ours = block(x)
    torch.testing.assert_close(
        ours, reference_attention(block, x, 4, new_order), atol=1e-5, rtol=1e-5
    )
    other = reference_attention(block, x, 4, not new_order)
    assert (ours - other).abs().max() > 1e-3, 'the two orders must differ'


@pytest.mark.parametrize('heads', [(3, -1), (1, 48), (0, -1), (1, 128)])
def test_attention_rejects_heads_that_do_not_divide(heads):
    with pytest.raises(ValueError, match='does not divide into heads'):
        AttentionBlock(64, *heads, use_new_attention_order=False)


@pytest.mark.parametrize('scale_shift', [False, True])
@pytest.mark.parametrize('resample', ['none', 'up', 'down'])
def test_res_block_matches_formula(scale_shift, resample):
    block = randomize(ResBlock(32, 64, 16, 0.5, scale_shift, resample))
    x = torch.randn(2, 32, 4, 6, generator=torch.Generator().manual_seed(1))
    embedding = torch.randn(2, 16, generator=torch.Generator().manual_seed(2))

    def resized(maps: Tensor) -> Tensor:
        if resample == 'up':
            return maps.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        if resample == 'down':
            return maps.reshape(2, 32, 2, 2, 3, 2).mean(dim=(3, 5))
        return maps

    def normed(maps: Tensor, norm: nn.GroupNorm) -> Tensor:
        groups = maps.reshape(2, 32, -1)
        centered = groups - groups.mean(dim=2, keepdim=True)
        std = (centered.square().mean(dim=2, keepdim=True) + 1e-5).sqrt()
        unit = (centered / std).reshape(maps.shape)
        return unit * norm.weight[:, None, None] + norm.bias[:, None, None]

    def silu(values: Tensor) -> Tensor:
        return values / (1 + torch.exp(-values))

    hidden = block.in_layers[2](resized(silu(normed(x, block.in_layers[0]))))
    linear = block.emb_layers[1]
    modulation = (silu(embedding) @ linear.weight.T + linear.bias)[:, :, None, None]
    if scale_shift:
        scale, shift = modulation[:, :64], modulation[:, 64:]
        hidden = normed(hidden, block.out_layers[0]) * (1 + scale) + shift
    else:
        hidden = normed(hidden + modulation, block.out_layers[0])
    expected = block.skip_connection(resized(x)) + block.out_layers[3](silu(hidden))
    torch.testing.assert_close(block(x, embedding), expected, atol=1e-5, rtol=1e-4)
