# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import re

import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel

from mmdiffrep.feature_bank import FeatureBank
from mmdiffrep.testing import tiny_teacher


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp('model')
    torch.manual_seed(0)
    UNet2DModel(**tiny_teacher()['unet']).save_pretrained(folder / 'unet')
    DDPMScheduler(num_train_timesteps=20).save_pretrained(folder / 'scheduler')
    return str(folder)


@pytest.fixture
def run(import_tool, model, tmp_path, capsys):
    tool = import_tool('build_feature_bank')

    def start(*options, name=model, num_images='5'):
        base = ['--num-images', num_images, '--out', str(tmp_path), '--device', 'cpu']
        tool.main([name, *base, *options])
        return ' '.join(capsys.readouterr().out.split())

    return start


def test_prints_size_speed_and_ratio(run, tmp_path):
    options = ['--taps', 'mid', '--timesteps', '3', '15']
    printed = run(*options)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    bank = FeatureBank(folder)
    assert len(bank) == 5 and bank.recipe.noise == {'type': 'shared', 'seed': 0}
    # 16 channels, a quarter of the cells, half the bytes
    assert '5, of which 5 computed now' in printed and '8.0x' in printed
    assert re.search(r'\d images/s', printed)
    assert '5, of which 0 computed now' in run(*options)


def test_options_reach_the_recipe(run, tmp_path):
    run(
        *('--taps', 'dec.1', 'mid', '--noise-levels', '0.2', '--noise', 'per_image'),
        *('--seed', '4', '--size', '8', '--pool', '2', '--dtype', 'bfloat16'),
        *('--precision', 'bfloat16', '--split', 'test', '--verify', 'full'),
        *('--channel-order', 'rgb'),
    )
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    recipe = FeatureBank(folder).recipe
    assert (recipe.taps, recipe.size, recipe.pool) == (['dec.1', 'mid'], 8, 2)
    assert (recipe.dtype, recipe.precision) == ('bfloat16', 'bfloat16')
    assert recipe.noise == {'type': 'per_image', 'seed': 4} and recipe.channel_order == 'rgb'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--timesteps', '99'], 'in [0, 19], got 99'),
        (['--taps', 'dec.9', '--timesteps', '3'], 'dec.9'),
        (['--timesteps', '3', '--max-gb', '0.00001'], 'max_bytes=10,000'),
        (['--timesteps', '3', '--data', 'no/such/config.py'], 'no config'),
    ],
)
def test_what_the_user_can_put_right_ends_in_its_message(run, capsys, options, message):
    with pytest.raises(SystemExit) as exit_:
        run(*options)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_too_few_images_are_refused(run, capsys):
    with pytest.raises(SystemExit):
        run('--timesteps', '3', num_images='99999')
    assert 'got 99999' in capsys.readouterr().err


def test_ctrl_c_is_a_line_and_status_130(run, import_tool, monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    tool = import_tool('build_feature_bank')
    monkeypatch.setattr(tool, 'build_feature_bank', interrupted)
    with pytest.raises(SystemExit) as end:
        run('--taps', 'mid', '--timesteps', '3')
    assert end.value.code == 130
    assert 'the same command goes on there' in capsys.readouterr().err
