# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The command on a small set of drawn faces; what it builds is tested in test_apis."""

import pytest

from mmdiffrep.cli.bank import main

CONFIG = 'repfusion/experiments/toyfaces_r18_cls_fixed_t_bank.py'


def test_builds_the_bank_of_a_config_once(tmp_path, capsys):
    bank = str(tmp_path / 'bank')
    arguments = [CONFIG, '--work-dir', str(tmp_path), '--device', 'cpu', '--cfg-options']
    arguments += [f'train_dataloader.dataset.bank={bank}']
    arguments += [f'default_hooks.repfusion.teacher.bank={bank}']
    arguments += ['train_dataloader.dataset.dataset.indices=2']
    main([*arguments, 'train_dataloader.dataset.num_views=2'])
    assert f'{bank}: 4 views' in capsys.readouterr().out
    main([*arguments, 'train_dataloader.dataset.num_views=2'])
    assert '0 computed now' in capsys.readouterr().out


def test_another_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match='needs one RepFusionHook with'):
        main(['repfusion/experiments/toyfaces_r18_cls_fixed_t.py', '--work-dir', str(tmp_path)])
