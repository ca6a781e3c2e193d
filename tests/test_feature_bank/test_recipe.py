# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.feature_bank import FeatureReader, FeatureRecipe
from mmdiffrep.feature_bank.recipe import describe_noise

# One other value of each field.
OTHER = dict(
    weights='0' * 64,
    settings={'family': 'UNet2D', 'attention_head_dim': 4},
    taps=['dec.1', 'mid'],
    timesteps=[3, 16],
    noise_levels=[0.1, 0.2],
    noise={'type': 'shared', 'seed': 1},
    size=32,
    channel_order='rgb',
    interpolation='bicubic',
    precision='bfloat16',
    pool=1,
    dtype='bfloat16',
)


@pytest.fixture
def recipe(reader):
    return reader.recipe


def test_every_field_has_a_case():
    assert {field.name for field in dataclasses.fields(FeatureRecipe)} == {*OTHER, 'model'}


@pytest.mark.parametrize('name', OTHER)
def test_every_field_is_in_the_key_and_in_the_differences(recipe, name):
    other = dataclasses.replace(recipe, **{name: OTHER[name]})
    assert other.key != recipe.key
    (difference,) = recipe.differences(other)
    assert difference.startswith(f'{name}: ')


def test_where_the_weights_lie_is_not_in_the_key(recipe):
    moved = dataclasses.replace(recipe, model='elsewhere')
    assert moved.key == recipe.key and not recipe.differences(moved)


def test_json_gives_the_same_recipe(recipe):
    again = FeatureRecipe.from_json(recipe.to_json())
    assert again == recipe and again.key == recipe.key


@pytest.mark.parametrize('text', ['', '{', '{}', '{"weights": 1, "color": 2}'])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError):
        FeatureRecipe.from_json(text)


def test_what_weights_do_not_show_is_in_the_key(denoiser):
    adm = dict(type='ADMDenoiser', image_size=16, num_channels=32, num_res_blocks=1)
    adm.update(channel_mult='1,2', attention_resolutions='8')
    four, two = (load_denoiser(dict(adm, num_heads=heads)) for heads in (4, 2))
    two.network.load_state_dict(four.network.state_dict())
    recipes = [FeatureReader(model, ['mid'], [5]).recipe for model in (four, two)]
    assert recipes[0].weights == recipes[1].weights
    assert recipes[0].key != recipes[1].key


def test_noise_levels_and_their_timesteps_are_one_recipe(denoiser):
    level = float(denoiser.schedule.noise_level(15))
    by_level = FeatureReader(denoiser, ['mid'], noise_levels=[level]).recipe
    assert by_level.key == FeatureReader(denoiser, ['mid'], [15]).recipe.key


def test_names_and_dicts_of_noise_are_one():
    assert describe_noise('shared') == describe_noise(dict(type='shared', seed=0))
    assert describe_noise('none') == {'type': 'none', 'seed': None}


@pytest.mark.parametrize('noise', ['fresh', dict(type='fresh')])
def test_fresh_noise_is_refused_with_the_reason(noise):
    with pytest.raises(ValueError, match='draws anew .*per_image'):
        describe_noise(noise)
