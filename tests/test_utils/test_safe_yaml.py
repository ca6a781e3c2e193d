# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import mmengine
import pytest
from mmengine.config import Config

import mmdiffrep  # noqa: F401, registers it

TAGS = [
    '!!python/object/apply:os.mkdir ["{}"]',
    '!!python/object/new:os.mkdir ["{}"]',
    '!!python/name:os.mkdir',
    '!!python/module:os',
]


@pytest.mark.parametrize('tag', TAGS)
@pytest.mark.parametrize('suffix', ['.yaml', '.yml'])
def test_a_yaml_config_runs_nothing(tmp_path, tag, suffix):
    config = tmp_path / f'config{suffix}'
    config.write_text('a: ' + tag.format(tmp_path / 'exploded'))
    with pytest.raises(ValueError, match='holds a Python object'):
        Config.fromfile(config)
    assert not (tmp_path / 'exploded').exists()


def test_a_yaml_base_of_a_python_config_runs_nothing(tmp_path):
    (tmp_path / 'base.yaml').write_text('a: ' + TAGS[0].format(tmp_path / 'exploded'))
    (tmp_path / 'config.py').write_text("_base_ = './base.yaml'\n")
    with pytest.raises(ValueError, match='holds a Python object'):
        Config.fromfile(tmp_path / 'config.py')
    assert not (tmp_path / 'exploded').exists()


def test_a_json_config_runs_nothing_when_it_is_read(tmp_path):
    config = tmp_path / 'config.json'
    config.write_text(f'{{"model": {{"type": "os.mkdir", "path": "{tmp_path / "exploded"}"}}}}')
    assert Config.fromfile(config).model.type == 'os.mkdir'
    assert not (tmp_path / 'exploded').exists()


def test_plain_yaml_and_dumps_of_mmengine_are_read(tmp_path):
    state = dict(a=(1, 2), b=[dict(c=None), 1.5, 'text'], d=dict(e=(dict(f=True),)))
    mmengine.dump(state, tmp_path / 'config.yaml')
    assert mmengine.load(tmp_path / 'config.yaml') == state


def test_broken_yaml_is_named(tmp_path):
    (tmp_path / 'config.yaml').write_text('a: [1')
    with pytest.raises(ValueError, match='is not valid YAML'):
        Config.fromfile(tmp_path / 'config.yaml')
