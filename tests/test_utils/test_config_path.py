# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from mmengine.config.utils import MODULE2PACKAGE

import mmdiffrep
from mmdiffrep.utils.config_path import register_config_scope

NAME = 'ddpm/ddpm_toyfaces_64.py'


def test_path_of_a_config():
    path = Path(mmdiffrep.get_config_path(NAME))
    assert path.is_absolute() and path.is_file() and path.as_posix().endswith(f'configs/{NAME}')


def test_suffix_may_be_left_out():
    assert mmdiffrep.get_config_path(NAME[:-3]) == mmdiffrep.get_config_path(NAME)


def test_unknown_name_lists_the_nearest():
    with pytest.raises(FileNotFoundError, match=f'Did you mean: .*{NAME}'):
        mmdiffrep.get_config_path('ddpm/ddpm_toyface_64.py')
    with pytest.raises(FileNotFoundError, match=NAME):
        mmdiffrep.get_config_path('???')


def test_an_entry_of_mmengine_itself_is_kept(monkeypatch):
    monkeypatch.setitem(MODULE2PACKAGE, 'mmdiffrep', 'theirs')
    register_config_scope()
    assert MODULE2PACKAGE['mmdiffrep'] == 'theirs'
