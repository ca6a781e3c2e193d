# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Estimated memory of passes against the tensors that are alive in real ones."""

import pytest
import torch

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.diffusion.features import read_features
from mmdiffrep.diffusion.memory import (
    GIB,
    MemoryLimit,
    encoder_bytes,
    pass_bytes,
    weight_bytes,
)
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.testing import tiny_dit, tiny_teacher
from mmdiffrep.testing.live_bytes import LiveBytes
from mmdiffrep.testing.tiny_latent import TINY_LATENT, save_tiny_pipeline

IMAGES = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
ADM = dict(
    type='ADMDenoiser',
    image_size=32,
    num_channels=32,
    num_res_blocks=1,
    channel_mult='1,2',
    attention_resolutions='16',
    num_head_channels=16,
)
NETWORKS = dict(TINY_LATENT, unet2d=tiny_teacher(), adm=ADM, dit=tiny_dit())


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return str(save_tiny_pipeline('sd', tmp_path_factory.mktemp('sd')))


@torch.no_grad()
@pytest.mark.parametrize('part', ['early', 'late'])
@pytest.mark.parametrize('kind', list(NETWORKS))
def test_a_pass_stays_below_its_estimate_and_not_far(kind, part):
    names = list(load_denoiser(NETWORKS[kind]).taps)
    tap = names[len(names) // 2 if part == 'early' else -1]
    denoiser = load_denoiser(NETWORKS[kind], taps=[tap]).freeze()
    # tokens of a prompt, of which tiny networks have more than cells, do not grow with the image
    side = denoiser.image_size * (2 if hasattr(denoiser.network, 'mid_block') else 1)
    x = torch.zeros(2, denoiser.in_channels, side, side)
    cond = None
    if kind in TINY_LATENT:
        cond = denoiser.example_condition('cpu')
    denoiser(x, 3, cond)
    with LiveBytes() as tracked:
        denoiser(x, 3, cond)
    estimate = 2 * pass_bytes(denoiser, [tap], side, side)
    assert tracked.peak < estimate < 3 * tracked.peak


@torch.no_grad()
def test_the_vae_stays_below_its_estimate(folder):
    model = load_denoiser(folder, taps=['mid']).freeze()
    model.clean(IMAGES)
    with LiveBytes() as tracked:
        model.clean(IMAGES)
    estimate = len(IMAGES) * encoder_bytes(model, 32, 32)
    assert tracked.peak < estimate < 3 * tracked.peak


def limit_for(denoiser, taps, rows):
    """The limit in GiB that so many images of a pass fit into, and hardly any more."""
    return (weight_bytes(denoiser) + (rows + 0.5) * pass_bytes(denoiser, taps, 32, 32)) / GIB


@pytest.mark.parametrize('rows', [1, 2, 7, 1000])
@pytest.mark.parametrize('noise', ['shared', 'per_image'])
def test_images_timesteps_and_draws_are_read_in_parts_that_fit(folder, rows, noise):
    model = load_denoiser(folder, taps=['dec.1', 'dift:1']).freeze()
    taps = ['dec.1', 'dift:1']
    expected = read_features(model, IMAGES, [3, 500], taps, build_noise(noise), draws=3)
    limit = limit_for(model, taps, rows)
    extract = FeatureExtractor(model, taps, [3, 500], noise=noise, draws=3, memory_gb=limit)
    passes, encoded = [], []
    model.network.register_forward_pre_hook(lambda _, args: passes.append(len(args[0])))
    model.codec.register_forward_pre_hook(lambda _, args: encoded.append(len(args[0])))
    found = extract(IMAGES)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, atol=1e-5, rtol=1e-4)
    fitting = MemoryLimit(limit).sizes(model, taps, 32, 32)
    assert fitting.rows == rows or rows == 1000
    assert max(passes) <= fitting.rows and max(encoded) <= fitting.images
    assert sum(passes) == 5 * 2 * 3 and sum(encoded) == 5
    if rows == 1000:
        assert passes == [30]  # the draws share a pass


@pytest.mark.parametrize('memory_gb', [0, -1.0, float('nan')])
def test_a_limit_is_positive(memory_gb):
    with pytest.raises(ValueError, match='memory_gb must be positive'):
        MemoryLimit(memory_gb)


def test_a_limit_that_nothing_fits_into_says_what_is_needed(folder):
    extract = FeatureExtractor(folder, ['mid'], [5], memory_gb=1e-5)
    with pytest.raises(ValueError, match=r'memory_gb=1e-05 is too little.*one image of 32x32'):
        extract(IMAGES)
