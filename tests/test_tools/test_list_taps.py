# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json
import re

import numpy as np
import pytest
from diffusers import DDPMScheduler, UNet2DModel
from PIL import Image

TINY_ADM = 'adm:image_size=32,num_channels=32,num_res_blocks=1,attention_resolutions=16,8'
TINY_ADM += ',channel_mult=1,2,resblock_updown=True'


@pytest.fixture
def tool(import_tool):
    return import_tool('list_taps')


def test_adm_preset_as_json(tool, capsys):
    tool.main(['adm-256-uncond', '--json'])
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 37
    assert rows[18] == dict(
        name='mid', channels=1024, stride=32, flops_share=rows[18]['flops_share']
    )
    shares = [row['flops_share'] for row in rows]
    assert shares == sorted(shares) and 0.25 < shares[18] < 0.27 and 0.99 < shares[-1] <= 1


def test_adm_flags_as_table(tool, capsys):
    tool.main([TINY_ADM])
    printed = capsys.readouterr().out
    assert printed.startswith(f'{TINY_ADM} at 32 x 32 px, T = 1000\n')
    assert 'dec.3' in printed and 'dec.4' not in printed


def test_adm_flags_are_typed(tool):
    assert tool.parse_model(
        'adm:dropout=0.1,channel_mult=1,2,class_cond=False,num_heads=2'
    ) == dict(type='ADMDenoiser', dropout=0.1, channel_mult='1,2', class_cond=False, num_heads=2)


def test_diffusers_folder(tool, tmp_path, capsys):
    unet = UNet2DModel(
        sample_size=16,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=('DownBlock2D', 'AttnDownBlock2D'),
        up_block_types=('AttnUpBlock2D', 'UpBlock2D'),
        norm_num_groups=8,
    )
    unet.save_pretrained(tmp_path / 'unet')
    DDPMScheduler().save_pretrained(tmp_path / 'scheduler')
    tool.main([str(tmp_path), '--json', '--modules', '--size', '32'])
    rows = {row['name']: row for row in json.loads(capsys.readouterr().out)}
    assert rows['mid']['channels'] == 32 and rows['mid']['stride'] == 2
    assert rows['module:mid_block.resnets.1.conv2@out']['flops_share'] <= rows['mid']['flops_share']


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        ('adm:image_sise=64', 'image_sise'),
        ('adm-265-uncond', "no preset 'adm-265-uncond'; it has adm-64, "),
        ('adm:class_cond=yes', 'True or False'),
        ('adm:num_heads=two', "num_heads must be of type int, got 'two'"),
        ('adm:checkpoint=x.pt', "no flag 'checkpoint'"),
        ('no such model', 'neither an existing folder nor a hub id'),
    ],
)
def test_bad_models_exit_with_the_reason(tool, capsys, model, message):
    with pytest.raises(SystemExit) as exit_:
        tool.main([model])
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_ranks_on_images_of_a_folder(tool, tmp_path, capsys):
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'{index}.png')
    arguments = [TINY_ADM, '--images', str(tmp_path), '--num-images', '2']
    tool.main([*arguments, '--timesteps', '50', '200', '--json'])
    rows = json.loads(capsys.readouterr().out)
    assert all(list(row['ranks']) == ['50', '200'] for row in rows)
    assert all(found['rank'] >= 1 for row in rows for found in row['ranks'].values())
    (tmp_path / 'empty.png').touch()
    (tmp_path / 'text.jpg').write_text('hello')
    tool.main(arguments)
    printed = capsys.readouterr()
    assert 'random' in printed.out and re.search(r'\d / \d+\.\d = \d\.\d\d', printed.out)
    assert '2 files cannot be read' in printed.err and 'empty.png: an empty file' in printed.err
    assert 'text.jpg: not an image' in printed.err


def test_a_folder_without_images(tool, tmp_path):
    with pytest.raises(SystemExit):
        tool.main([TINY_ADM, '--images', str(tmp_path)])
