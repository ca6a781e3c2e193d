# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.registry import DefaultScope
from torch import nn

from mmdiffrep.models.backbones import DPMBackbone
from mmdiffrep.models.necks import DifFormer
from mmdiffrep.registry import MODELS

CHANNELS, SIDES, TIMESTEPS, DIMS = (6, 4), (2, 3), 2, 8


def small(**options):
    defaults = dict(num_timesteps=TIMESTEPS, embed_dims=DIMS, num_layers=2, num_heads=2)
    neck = DifFormer(CHANNELS, SIDES, **{**defaults, **options})
    with torch.no_grad():  # zeros would hide where the class token goes
        neck.cls_token.normal_()
    return neck


def maps_of(batch=3, timesteps=TIMESTEPS):
    return [
        torch.randn(batch, channels, side, side)
        for _ in range(timesteps)
        for channels, side in zip(CHANNELS, (4, 6))
    ]


def classifier(**neck):
    with torch.device('meta'), DefaultScope.overwrite_default_scope('mmpretrain'):
        built = MODELS.build(dict(type='mmdiffrep.DifFormer', **neck))
        head = MODELS.build(
            dict(type='LinearClsHead', num_classes=1000, in_channels=built.out_channels)
        )
    return built, sum(each.numel() for part in (built, head) for each in part.parameters())


def test_published_setting():
    neck, parameters = classifier(in_channels=[1024, 1024, 512], sides=[8, 16, 16], num_timesteps=3)
    assert (neck.out_channels, parameters) == (3072, 31_802_344), 'computed from the official code'
    shapes = [(1024, 8), (1024, 16), (512, 64)] * 3
    maps = [torch.empty(2, channels, side, side, device='meta') for channels, side in shapes]
    assert neck.tokenize(maps).shape == (3, 2, 576, 1024)
    (vector,) = neck(maps)
    assert vector.shape == (2, 3072)


def test_published_attention_head():
    _, parameters = classifier(in_channels=[1024], sides=[16], num_timesteps=1)
    assert parameters == 27_786_216, '27.8 M in the paper'


def test_published_taps_of_adm_256():
    with torch.device('meta'):
        backbone = DPMBackbone(
            dict(
                type='ADMDenoiser',
                image_size=256,
                num_channels=256,
                num_head_channels=64,
                attention_resolutions='32,16,8',
                resblock_updown=True,
                learn_sigma=True,
            ),
            taps=['gdc:19', 'gdc:24', 'gdc:30'],
            timesteps=[90, 150, 300],
            max_side=16,
        )
    assert backbone.out_channels == (1024, 1024, 512) * 3
    assert [256 // stride for stride in backbone.out_strides] == [8, 16, 16] * 3


def test_equals_a_plain_implementation():
    neck = small().double()
    maps = [one.double() for one in maps_of()]
    parts = []
    for first in (0, 2):
        tokens = [neck.cls_token.expand(3, 1, DIMS)]
        for one, (pool, norm, conv, _) in zip(maps[first : first + 2], neck.tokenizers):
            one = conv(norm(pool(one)))
            tokens.append(one.permute(0, 2, 3, 1).reshape(3, -1, DIMS))
        x = torch.cat(tokens, dim=1)
        for block in neck.blocks:
            y = block.ln1(x)
            query, key, value = (y @ block.attn.qkv.weight.T).chunk(3, dim=2)
            mixed = []
            for head in range(2):
                own = slice(4 * head, 4 * head + 4)
                scores = query[..., own] @ key[..., own].transpose(1, 2) / math.sqrt(4)
                mixed.append(scores.softmax(dim=2) @ value[..., own])
            x = x + block.attn.proj(torch.cat(mixed, dim=2))
            linears = [one for one in block.ffn.modules() if isinstance(one, nn.Linear)]
            x = x + linears[1](nn.functional.gelu(linears[0](block.ln2(x))))
            assert block.attn.qkv.bias is None and linears[0].out_features == 4 * DIMS
        parts.append(x[:, 0])
    torch.testing.assert_close(neck(maps)[0], torch.cat(parts, dim=1))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), fuse=st.sampled_from(['concat', 'softmax', 'attention']))
def test_the_order_of_the_tokens_does_not_matter(seed, fuse):
    neck = small(fuse=fuse).double().eval()
    tokens = torch.randn(TIMESTEPS, 2, 13, DIMS, dtype=torch.float64)
    order = torch.randperm(13, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(neck.attend(tokens[:, :, order]), neck.attend(tokens))


def test_timesteps_share_the_weights_and_keep_their_places():
    neck, (first, second) = small(), (maps_of(timesteps=1), maps_of(timesteps=1))
    (vector,) = neck([*first, *second])
    (swapped,) = neck([*second, *first])
    torch.testing.assert_close(vector, swapped.roll(DIMS, dims=1))
    (half,) = neck([*first, *first])
    torch.testing.assert_close(half[:, :DIMS], half[:, DIMS:])


@pytest.mark.parametrize('fuse', ['softmax', 'attention'])
def test_weighted_timesteps_start_as_a_mean_and_learn(fuse):
    neck = small(fuse=fuse)
    read = torch.randn(TIMESTEPS, 3, DIMS)
    fused = neck.fuse_timesteps(read)
    torch.testing.assert_close(fused, read.mean(dim=0))
    fused.square().sum().backward()
    learned = neck.timestep_scores if fuse == 'softmax' else neck.timestep_query
    assert learned.grad.abs().sum() > 0 and neck.out_channels == DIMS


def test_weights_start_as_officially():
    torch.manual_seed(0)
    neck = DifFormer([4], [2], num_timesteps=1, embed_dims=256, num_heads=2)
    neck.init_weights()
    assert not neck.cls_token.any()
    weight = neck.blocks[0].ffn.layers[1].weight
    assert weight.abs().max() <= 1 / math.sqrt(1024), "torch's range of a Linear"


def test_batch_norm_takes_other_sizes():
    neck = small(norm='batch')
    assert [type(one[1]) for one in neck.tokenizers] == [nn.BatchNorm2d] * 2
    assert neck([torch.randn(2, c, 9, 5) for c in CHANNELS * TIMESTEPS])[0].shape == (2, 16)


@pytest.mark.parametrize(
    ('maps', 'message'),
    [
        (maps_of(timesteps=1), r'must be \[6, 4, 6, 4\], got \[6, 4\]'),
        (maps_of(timesteps=3), r'got .*`num_timesteps`'),
        (maps_of()[::-1], r'must be \[6, 4, 6, 4\], got \[4, 6, 4, 6\]'),
        ([torch.randn(1, c, 2, 2) for c in CHANNELS * 2], r'3x3 cells, .* has only 2x2'),
        (torch.randn(4, 6, 4, 4), r'maps must be a list'),
    ],
)
def test_other_maps_are_refused(maps, message):
    with pytest.raises((TypeError, ValueError), match=message):
        small()(maps)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(in_channels=[]), 'in_channels must have at least one'),
        (dict(in_channels=8), r'in_channels must be a list'),
        (dict(sides=[2]), r'one for each of the taps: 2, got 1'),
        (dict(sides=[2, 0]), r'sides must be at least 1, got 0'),
        (dict(num_timesteps=0), r'num_timesteps must be .* got 0'),
        (dict(embed_dims=10, num_heads=4), r'embed_dims .* must be a multiple of 4'),
        (dict(norm='group'), r"norm must be one of 'layer', 'batch', got 'group'"),
        (dict(fuse='mean'), r"fuse must be one of .* got 'mean'"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        DifFormer(**{**dict(in_channels=CHANNELS, sides=SIDES, num_timesteps=2), **options})
