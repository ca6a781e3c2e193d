# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Banks of models of text and images: never shared by what gives other features."""

import pytest
import torch
from diffusers import AutoencoderKL

from mmdiffrep.feature_bank import FeatureBank, FeatureReader, build_feature_bank
from mmdiffrep.testing.tiny_latent import save_tiny_pipeline


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return str(save_tiny_pipeline('sd', tmp_path_factory.mktemp('sd')))


@pytest.fixture(scope='module')
def other_vae(folder, tmp_path_factory):
    vae = AutoencoderKL.from_pretrained(f'{folder}/vae')
    vae.encoder.conv_in.bias.data += 1
    path = tmp_path_factory.mktemp('vae')
    vae.save_pretrained(path)
    return str(path)


def reader_of(folder, latent=None, **options):
    model = dict(type='LatentDiffusion', pretrained=folder, **(latent or {}))
    options = {'dtype': 'float32', **options}
    return FeatureReader(model, ['dift:1'], [261], **options)


CASES = dict(
    prompt=dict(prompt='a photo of a cat'),
    draws=dict(draws=2),
    more_draws=dict(draws=3),
    precision=dict(precision='bfloat16'),
    interpolation=dict(interpolation='bicubic'),
    posterior=dict(latent=dict(posterior='sample')),
    vae=dict(latent=dict(vae=None)),
)


@pytest.mark.parametrize('case', CASES)
def test_another_choice_is_another_bank_with_other_features(
    case, folder, other_vae, pictures, tmp_path
):
    options = dict(CASES[case])
    if case == 'vae':
        options['latent'] = dict(vae=other_vae)
    banks = [
        build_feature_bank(pictures(range(2)), reader, tmp_path).bank
        for reader in (reader_of(folder), reader_of(folder, **options))
    ]
    first, second = (bank.recipe for bank in banks)
    assert first.key != second.key and banks[0].folder != banks[1].folder
    assert first.differences(second)
    (key,) = first.keys_of_maps
    images = sorted(banks[0])
    assert images == sorted(banks[1])
    for image in images:
        assert (banks[0][image][key] - banks[1][image][key]).abs().max() > 1e-4


def test_the_same_choice_is_the_same_bank(folder, pictures, tmp_path):
    options = dict(prompt='a cat', draws=2)
    build = build_feature_bank(pictures(range(2)), reader_of(folder, **options), tmp_path)
    again = build_feature_bank(pictures(range(3)), reader_of(folder, **options), tmp_path)
    assert again.bank.folder == build.bank.folder and again.num_computed == 1
    # a condition that is given is the prompt that it was made of
    given = reader_of(folder, dict(prompt='a cat'), draws=2)
    assert given.recipe.key == again.bank.recipe.key
    assert FeatureBank(build.bank.folder).recipe.settings['condition']


def test_draws_are_averaged_in_the_bank(folder, pictures):
    images = [pictures([0])[0]['inputs']]
    reader = reader_of(folder, draws=4, noise='per_image')
    (mean,) = reader(images).values()
    source = reader.extract.noise
    reader.extract.draws = 1
    single = []
    for draw in range(4):
        reader.extract.noise = source.of_draw(draw)
        single += reader(images).values()
    torch.testing.assert_close(mean, torch.stack(single).mean(0), atol=1e-5, rtol=1e-4)
