# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json

import pytest

from mmdiffrep.diffusion.stored_config import read_json

GOOD = dict(
    sample_size=[60, 90],
    in_channels=3,
    layers_per_block=[2, 1],
    block_out_channels=[8, 16],
    down_block_types=['DownBlock2D'] * 2,
    norm_num_groups=4,
    act_fn='silu',
    num_attention_heads=None,
)


def write(folder, content):
    path = folder / 'config.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_config_is_read_as_it_is(tmp_path):
    assert read_json(write(tmp_path, GOOD)) == GOOD


@pytest.mark.parametrize('content', ['', '{', '[]', '{}', 'null', '"x"', '1', '[{}]'])
def test_other_contents_are_refused_by_name(tmp_path, content):
    with pytest.raises(ValueError, match=r"config\.json'"):
        read_json(write(tmp_path, content))


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('layers_per_block', 10**7),
        ('layers_per_block', [2, -1]),
        ('sample_size', 0),
        ('sample_size', 10**9),
        ('in_channels', 'a'),
        ('in_channels', True),
        ('block_out_channels', []),
        ('block_out_channels', [10**6] * 2),
        ('block_out_channels', [8.0, 16]),
        ('norm_num_groups', 0),
        ('norm_num_groups', 7),
        ('num_train_timesteps', 10**9),
        ('num_train_timesteps', 1.5),
        ('num_layers', [[1]]),
        ('down_block_types', ['DownBlock2D']),
    ],
)
def test_sizes_of_no_network_are_refused_by_key(tmp_path, key, value):
    with pytest.raises(ValueError, match=rf"config\.json': .*{key}"):
        read_json(write(tmp_path, {**GOOD, key: value}))
