# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Taps in the encoder and the decoder of a VAE: those of diffusers, cut or whole."""

import pytest
import torch
from diffusers import AutoencoderKL

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.diffusion.taps import TapError

CONFIG = dict(
    sample_size=32,
    block_out_channels=(8, 16, 16),
    down_block_types=('DownEncoderBlock2D',) * 3,
    up_block_types=('UpDecoderBlock2D',) * 3,
    layers_per_block=2,
    norm_num_groups=4,
)
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
ODISE = ['enc.3@in', 'enc.5@in', 'dec.2@in', 'dec.5@in']


@pytest.fixture(scope='module', params=[True, False], ids=['quant_conv', 'plain'])
def folder(request, tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('vae')
    kinds = dict(use_quant_conv=request.param, use_post_quant_conv=request.param)
    AutoencoderKL(**CONFIG, **kinds).save_pretrained(path / 'vae')
    return str(path)


def load(folder, taps=None):
    return load_denoiser(dict(type='VAEDenoiser', pretrained=folder), taps=taps).freeze()


@torch.no_grad()
def test_every_tap_is_diffusers_own_cut_or_whole_on_odd_sides(folder):
    official = AutoencoderKL.from_pretrained(f'{folder}/vae').eval()
    whole = load(folder)
    assert list(whole.taps) == [
        *(f'enc.{i}' for i in range(6)),
        'mid',
        *(f'dec.{i}' for i in range(9)),
    ]
    names = [f'{name}@{side}' for name in whole.taps for side in ('in', 'out')]
    names += [name for name in whole.taps.module_taps() if 'attentions.0' in name]
    for images in (IMAGES[:1], IMAGES[:1, :, :29, :22]):
        found = whole(images, 0, taps=names)
        for name in names:
            site = whole.taps.site(name)
            caught = []
            module = official.get_submodule(site.path)
            if site.side == 'in':
                handle = module.register_forward_pre_hook(lambda _, a, c=caught: c.append(a[0]))
            else:
                handle = module.register_forward_hook(lambda *a, c=caught: c.append(a[2]))
            official(images, sample_posterior=False)
            handle.remove()
            value = found[name]
            expected = caught[0] if caught[0].ndim == 4 else caught[0].transpose(1, 2)
            assert torch.equal(value.reshape(expected.shape), expected), name
            if images.shape[3] == 32 and 'dec' not in name:
                continue  # cuts of the decoder, and all on odd sides
            cut = load(folder, [name])
            assert torch.equal(cut(images, 0)[name], value), name


def test_a_cut_holds_and_reads_no_more_than_it_needs(folder):
    def numbers(*taps):
        return sum(value.numel() for value in load(folder, list(taps) or None).parameters())

    encoder = load(folder, ['enc.2'])
    assert encoder.network.decoder is None
    assert not any('mid_block' in name for name, _ in encoder.named_parameters())
    decoder = load(folder, ['dec.2@in'])
    names = [name for name, _ in decoder.network.named_parameters()]
    assert any(name.startswith('decoder.up_blocks.0.resnets.1') for name in names)
    assert not any(name.startswith('decoder.up_blocks.0.resnets.2') for name in names)
    assert not any(name.startswith(('decoder.up_blocks.1', 'decoder.conv_out')) for name in names)
    assert numbers('enc.2') < numbers('mid') < numbers('dec.2@in') < numbers('dec.5') < numbers()


def test_an_extractor_reads_odises_taps(folder):
    cfg = dict(type='VAEDenoiser', pretrained=folder)
    features = FeatureExtractor(cfg, ODISE, [0], noise='none')(IMAGES)
    assert [tuple(value.shape) for value in features.values()] == [
        (2, 16, 16, 16),
        (2, 16, 8, 8),
        (2, 16, 8, 8),
        (2, 16, 16, 16),
    ]
    strides = [load(folder).taps[tap].stride for tap in ODISE]
    assert strides == [2, 4, 4, 2]


def test_a_bare_folder_is_known_and_noise_is_refused(folder):
    model = load_denoiser(f'{folder}/vae', taps=['enc.1']).freeze()
    assert type(model).__name__ == 'VAEDenoiser'
    with pytest.raises(ValueError, match='cannot be given noised images'):
        FeatureExtractor(model, ['enc.1'], [3], noise='shared')(IMAGES)
    with pytest.raises(ValueError, match='at least 4 for this network, got 32x3'):
        model(IMAGES[..., :3], 0)
    with pytest.raises(TapError, match=r'enc.0 .. enc.5, mid, dec.0 .. dec.8'):
        load_denoiser(f'{folder}/vae', taps=['dec.9'])


def test_half_precision_is_asked_for(folder):
    model = load(folder, ['mid']).compute_in(None)
    assert model.precision == 'float32'
    half = FeatureExtractor(
        dict(type='VAEDenoiser', pretrained=folder), ['mid'], [0], noise='none', dtype='bfloat16'
    )
    assert half.denoiser.precision == 'bfloat16'
    assert half(IMAGES)[0, 'mid'].dtype == torch.bfloat16
