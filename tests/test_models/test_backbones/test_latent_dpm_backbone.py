# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The backbone of latents: order of its maps, noise, freezing, checkpoints."""

import copy

import pytest
import torch

from mmdiffrep.diffusion import TapError, load_denoiser
from mmdiffrep.diffusion.latents import LatentEncoder
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import tiny_dit, tiny_teacher
from mmdiffrep.testing.tiny_latent import save_tiny_pipeline


def build(seed=0, **overrides):
    cfg = dict(
        type='mmdiffrep.LatentDPMBackbone',
        denoiser=tiny_dit(),
        taps=['block.0', 'block.1'],
        timesteps=[121, 5],
        noise='shared',
    )
    torch.manual_seed(seed)
    backbone = MODELS.build(dict(cfg, **overrides))
    for parameter in backbone.denoiser.parameters():
        parameter.data.normal_(0, 0.2)
    return backbone


@pytest.fixture
def latents():
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def test_maps_are_timestep_major_and_as_announced(latents):
    backbone = build()
    maps = backbone(latents)
    assert backbone.out_channels == (16,) * 4 and backbone.out_strides == (2,) * 4
    eps = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(0)).expand(2, -1, -1, -1)
    position = 0
    for t in (121, 5):
        x_t = backbone.denoiser.schedule.add_noise(latents, eps, t)
        expected = backbone.denoiser(x_t, t, taps=['block.0', 'block.1'])
        for tap in ('block.0', 'block.1'):
            torch.testing.assert_close(maps[position], expected[tap], atol=1e-5, rtol=1e-4)
            assert maps[position].shape == (2, 16, 4, 4)
            position += 1


@pytest.mark.parametrize('kind', ['sd', 'sdxl', 'sd3'])
def test_a_pipeline_is_read_without_its_vae(kind, tmp_path, monkeypatch):
    folder = str(save_tiny_pipeline(kind, tmp_path))
    tap = 'block.1' if kind == 'sd3' else 'dec.1'
    model = load_denoiser(folder, taps=[tap]).freeze()
    monkeypatch.setattr(LatentEncoder, '__init__', lambda *args: 1 / 0)
    latents = torch.randn(2, 4, 16, 16)
    for cfg in (folder, dict(type='LatentDiffusion', pretrained=folder, prompt='')):
        backbone = MODELS.build(
            dict(
                type='mmdiffrep.LatentDPMBackbone',
                denoiser=cfg,
                taps=[tap],
                timesteps=[3],
                noise='none',
            )
        )
        assert torch.equal(backbone(latents)[0], model(latents, 3)[tap])
    with pytest.raises(ValueError, match="without its VAE has no argument 'posterior'"):
        MODELS.build(
            dict(
                type='mmdiffrep.LatentDPMBackbone',
                denoiser=dict(type='LatentDiffusion', pretrained=folder, posterior='mean'),
                taps=[tap],
                timesteps=[3],
            )
        )


def test_takes_a_list_of_half_precision_latents(latents):
    half = latents.half()
    for ours, expected in zip(build()(list(half)), build()(half)):
        assert ours.dtype == torch.float32 and torch.equal(ours, expected)


def test_noise_may_differ_in_tests(latents):
    backbone = build(noise='fresh', test_noise='per_image')
    assert not torch.equal(backbone.train()(latents)[0], backbone(latents)[0])
    backbone.eval()
    assert torch.equal(backbone(latents)[0], backbone(latents)[0])


def test_frozen_is_out_of_reach(latents):
    backbone = build()
    assert list(backbone.parameters()) == [] and list(backbone.state_dict()) == ['_extra_state']
    assert not backbone.train().denoiser.training
    assert copy.deepcopy(backbone).denoiser is backbone.denoiser
    with pytest.raises(ValueError, match='set `denoiser` to the one that was used'):
        build(seed=1).load_state_dict(backbone.state_dict())


def test_moves_with_the_model():
    assert {each.dtype for each in build().double().denoiser.parameters()} == {torch.float64}


@pytest.mark.parametrize(
    ('overrides', 'error', 'message'),
    [
        (dict(taps=['block.7']), TapError, 'block.7'),
        (dict(timesteps=[1000]), ValueError, r'in \[0, 999\], got 1000'),
        (dict(noise_levels=[0.5]), ValueError, 'either timesteps or noise_levels'),
        (dict(denoiser=tiny_teacher(), taps=['mid']), ValueError, 'use mmdiffrep.DPMBackbone'),
    ],
)
def test_bad_arguments(overrides, error, message):
    with pytest.raises(error, match=message):
        build(**overrides)


def test_latents_that_do_not_fit(latents):
    with pytest.raises(ValueError, match=r'got \[\(4, 8, 8\), \(4, 6, 6\)\]: give'):
        build()([latents[0], latents[1, :, :6, :6]])
    with pytest.raises(ValueError, match=r'\(B, 4, H, W\)'):
        build()(torch.zeros(1, 3, 8, 8))


def test_the_whole_network_has_the_same_features(latents):
    backbone = build(timesteps=[5], noise='none')
    torch.manual_seed(0)
    whole = load_denoiser(tiny_dit()).freeze()
    whole.load_state_dict({**whole.state_dict(), **backbone.denoiser.state_dict()})
    assert torch.equal(whole(latents, 5, taps=['block.1'])['block.1'], backbone(latents)[1])


def test_half_precision_and_limited_passes(latents):
    expected = build()(latents)
    for found, maps in zip(build(pass_size=3)(latents), expected):
        torch.testing.assert_close(found, maps, atol=1e-5, rtol=1e-4)
    for found, maps in zip(build(precision='bfloat16')(latents), expected):
        assert found.dtype == torch.float32
        assert 0 < (found - maps).norm() / maps.norm() < 0.03


def test_a_compiled_denoiser_gives_the_same_maps(latents):
    torch.compiler.reset()
    compiled = build(compile=dict(backend='eager'))
    assert all(map(torch.equal, compiled(latents), build()(latents)))
