# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, TRANSFORMS, init_default_scope

import mmdiffrep
from mmdiffrep.datasets import LoadToyFace

NAME = 'ddpm/ddpm_toyfaces_64.py'


def test_path_of_a_config():
    path = Path(mmdiffrep.get_config_path(NAME))
    assert path.is_absolute() and path.is_file() and path.as_posix().endswith(f'configs/{NAME}')


def test_suffix_may_be_left_out():
    assert mmdiffrep.get_config_path(NAME[:-3]) == mmdiffrep.get_config_path(NAME)


def test_unknown_name_lists_the_nearest():
    with pytest.raises(FileNotFoundError, match=f'Did you mean: .*{NAME}'):
        mmdiffrep.get_config_path('ddpm/ddpm_toyface_64.py')
    with pytest.raises(FileNotFoundError, match=r'It has: ddae/, ddpm/, .*repfusion/$'):
        mmdiffrep.get_config_path('???')


def inherit(tmp_path, base):
    config = tmp_path / 'theirs.py'
    config.write_text(f"_base_ = '{base}'\ntrain_dataloader = dict(batch_size=2)\n")
    return Config.fromfile(config)


def test_an_inherited_model_builds_in_its_host(tmp_path):
    pytest.importorskip('mmseg')
    cfg = inherit(tmp_path, 'mmdiffrep::repfusion/toyfaces_r18_scratch.py')
    assert cfg.train_dataloader.batch_size == 2
    init_default_scope(cfg.default_scope)
    assert type(MODELS.build(cfg.model)).__module__.startswith('mmseg.')
    assert isinstance(TRANSFORMS.build(cfg.val_dataloader.dataset.pipeline[0]), LoadToyFace)


def test_packages_of_others_are_inherited_as_ever(tmp_path):
    pytest.importorskip('mmseg')
    cfg = inherit(tmp_path, 'mmseg::_base_/models/fcn_r50-d8.py')
    assert cfg.model._scope_ == 'mmseg'


def test_an_unknown_base_lists_the_nearest(tmp_path):
    with pytest.raises(FileNotFoundError, match=f'Did you mean: .*{NAME}'):
        inherit(tmp_path, 'mmdiffrep::ddpm/ddpm_toyface_64.py')
