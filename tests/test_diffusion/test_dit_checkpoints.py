# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the official code, against a network that is written from the paper."""

import pytest
import torch
from torch import nn

from mmdiffrep.diffusion import load_denoiser


@pytest.fixture
def latents():
    return torch.randn(3, 4, 8, 8)


class OfficialBlock(nn.Module):
    """A block as the paper describes it (figure 3, adaLN-Zero), with the official names."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.attn = nn.ModuleDict(
            dict(qkv=nn.Linear(width, 3 * width), proj=nn.Linear(width, width))
        )
        self.mlp = nn.ModuleDict(
            dict(fc1=nn.Linear(width, 4 * width), fc2=nn.Linear(4 * width, width))
        )
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.heads = heads

    def forward(self, x, c):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(c)[:, None].chunk(6, 2)
        qkv = self.attn['qkv'](self.norm(x) * (1 + scale1) + shift1)
        q, k, v = qkv.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + gate1 * self.attn['proj'](seen)
        hidden = self.mlp['fc1'](self.norm(x) * (1 + scale2) + shift2)
        return x + gate2 * self.mlp['fc2'](nn.functional.gelu(hidden, approximate='tanh'))


class OfficialDiT(nn.Module):
    """The features of the official network: patches, embedders and blocks."""

    def __init__(self, width=128, heads=2, depth=2, classes=5, side=8):
        super().__init__()
        self.x_embedder = nn.ModuleDict(dict(proj=nn.Conv2d(4, width, 2, 2)))
        mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.t_embedder = nn.ModuleDict(dict(mlp=mlp))
        self.y_embedder = nn.ModuleDict(dict(embedding_table=nn.Embedding(classes + 1, width)))
        self.pos_embed = nn.Parameter(torch.randn(1, (side // 2) ** 2, width))
        self.blocks = nn.ModuleList(OfficialBlock(width, heads) for _ in range(depth))
        last = dict(linear=nn.Linear(width, 32))
        last['adaLN_modulation'] = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.final_layer = nn.ModuleDict(last)

    def forward(self, x, t, y):
        frequencies = torch.exp(-torch.arange(128) / 128 * torch.tensor(10000.0).log())
        angles = t[:, None].float() * frequencies
        time = self.t_embedder['mlp'](torch.cat([angles.cos(), angles.sin()], dim=1))
        c = time + self.y_embedder['embedding_table'](y)
        tokens = self.x_embedder['proj'](x).flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens, c)
        return tokens


@torch.no_grad()
def test_official_checkpoints_give_the_official_features(tmp_path, latents):
    torch.manual_seed(0)
    official = OfficialDiT().eval()
    torch.save(official.state_dict(), tmp_path / 'dit.pt')
    t, labels = torch.tensor([3, 400, 999]), torch.tensor([0, 4, 5])
    expected = official(latents, t, labels).transpose(1, 2).unflatten(2, (4, 4))
    denoiser = load_denoiser(dict(type='DiTDenoiser', checkpoint=str(tmp_path / 'dit.pt')))
    assert denoiser.num_classes == 5 and denoiser.image_size == 8
    found = torch.cat(
        [
            denoiser(latents[:2], t[:2], labels[:2], taps=['block.1'])['block.1'],
            denoiser(latents[2:], t[2:], None, taps=['block.1'])['block.1'],
        ]
    )
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
    assert denoiser.predict(latents, 3).shape == (3, 8, 8, 8)


def test_what_only_training_needs_is_left_aside(tmp_path):
    official = OfficialDiT(depth=1).state_dict()
    official['projectors.0.0.weight'] = torch.zeros(2, 2)
    torch.save(official, tmp_path / 'repa.pt')
    denoiser = load_denoiser(
        dict(
            type='DiTDenoiser',
            checkpoint=str(tmp_path / 'repa.pt'),
            time_direction='data_to_noise',
        ),
        taps=['block.0'],
    )
    assert not any('projectors' in name for name, _ in denoiser.named_parameters())
    assert denoiser(torch.zeros(1, 4, 8, 8), 0)['block.0'].isfinite().all()


@pytest.mark.parametrize('name', ['blocks.0.attn.q_norm.weight', 'blocks.0.norm1.weight', 'head.w'])
def test_parts_that_dit_has_not_are_named(tmp_path, name):
    official = OfficialDiT(depth=1).state_dict()
    official[name] = torch.ones(64)
    torch.save(official, tmp_path / 'other.pt')
    with pytest.raises(ValueError, match=rf"no place for, \['{name}'\] \(1 in all\)"):
        load_denoiser(dict(type='DiTDenoiser', checkpoint=str(tmp_path / 'other.pt')))


def test_a_part_that_is_missing_is_named(tmp_path):
    official = OfficialDiT(depth=2).state_dict()
    del official['blocks.1.mlp.fc2.bias']
    torch.save(official, tmp_path / 'cut.pt')
    with pytest.raises(ValueError, match=r'blocks\.1\.mlp\.fc2\.bias'):
        load_denoiser(dict(type='DiTDenoiser', checkpoint=str(tmp_path / 'cut.pt')))


def test_checkpoints_of_other_networks_are_refused(tmp_path):
    torch.save({'conv.weight': torch.zeros(1)}, tmp_path / 'other.pt')
    with pytest.raises(ValueError, match='not a checkpoint of DiT or SiT'):
        load_denoiser(dict(type='DiTDenoiser', checkpoint=str(tmp_path / 'other.pt')))
