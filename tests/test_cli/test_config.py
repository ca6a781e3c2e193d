# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import sys

import pytest
from mmengine.config import Config

from mmdiffrep.__main__ import main as mmdiffrep
from mmdiffrep.cli import config
from mmdiffrep.utils.config_path import get_config_path


def test_what_is_printed_is_the_same_config_without_bases(capsys, tmp_path):
    name = 'repfusion/celebamask_r50.py'
    config.main([name])
    printed = tmp_path / 'printed.py'
    printed.write_text(capsys.readouterr().out)
    assert '_base_' not in printed.read_text()
    assert Config.fromfile(printed).to_dict() == Config.fromfile(get_config_path(name)).to_dict()


def test_options_are_merged_in(capsys, tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(
        "default_hooks = dict(repfusion=dict(noise='none', pairs=[dict(teacher='mid')]))\n"
    )
    options = [
        'default_hooks.repfusion.noise=fresh',
        'default_hooks.repfusion.pairs.0.teacher=dec.0',
    ]
    config.main([str(path), '--cfg-options', *options])
    path.write_text(capsys.readouterr().out)
    hook = Config.fromfile(path).default_hooks.repfusion
    assert hook.noise == 'fresh' and hook.pairs[0].teacher == 'dec.0'


def test_is_a_command_that_names_near_configs(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['mmdiffrep', 'config', 'repfusion/celebamask_r51'])
    with pytest.raises(SystemExit) as stop:
        mmdiffrep()
    assert stop.value.code == 1
    assert 'celebamask_r50' in capsys.readouterr().err
