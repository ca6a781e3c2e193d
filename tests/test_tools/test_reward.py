# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""tools/analysis/reward.py, from the command line to table and picture."""

import csv
from pathlib import Path

import cv2
import pytest

from mmdiffrep.testing import tiny_teacher

TOOLS = Path(__file__).parents[2] / 'tools'

REINFORCED = 'experiments/distill_celebamask_64_r18_reinforced'


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS / 'analysis'))
    return import_tool('reward')


@pytest.mark.parametrize('name', ['celebamask', 'face68'])
def test_rewards_of_a_config(tool, name, request, tmp_path, monkeypatch, capsys):
    root = request.getfixturevalue(name)
    distill = 'distill_celebamask_64_r18' if name == 'celebamask' else 'distill_face68_64_r18'
    build = tool.build_teacher
    monkeypatch.setattr(tool, 'build_teacher', lambda _, **kw: build(tiny_teacher(1000), **kw))
    tool.main(
        [
            f'repfusion/experiments/{distill}_reinforced.py',
            *('--timesteps', '0', '500', '--iterations', '1', '2', '--held-out', '0.5'),
            *('--batch-size', '2', '--device', 'cpu', '--out', str(tmp_path)),
            *('--cfg-options', f'train_dataloader.dataset.data_root={root}'),
        ]
    )
    with open(tmp_path / 'reward.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    names = ['one decoder, 1 updates', 'one decoder, 2 updates', 'a decoder each, 2 updates']
    assert [(row['decoder'], row['t']) for row in rows] == [
        (name, t) for name in names for t in ('0', '500')
    ]
    assert all(float(row['reward']) < 0 for row in rows)
    assert cv2.imread(str(tmp_path / 'reward.png')).shape[0] > 200
    assert 'mean reward held out' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['repfusion/celebamask_64_r18.py'], 'no RepFusionHook'),
        (['repfusion/distil_celebamask_64.py'], 'distil_celebamask_64'),
    ],
)
def test_bad_input(tool, arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        tool.main([*arguments, '--out', str(tmp_path)])
    assert stop.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('config', 'options', 'message'),
    [
        ('distill_celebamask_64_r18', '', 'expected one policy that learns'),
        (REINFORCED, '--held-out 0', 'held out must be in [1, 2], got 0'),
        (
            REINFORCED,
            '--held-out 0.5 --iterations 5 3',
            'must rise',
        ),
    ],
)
def test_bad_requests_are_named_before_features_are_read(
    tool, config, options, message, celebamask, tmp_path, monkeypatch, capsys
):
    build = tool.build_teacher
    monkeypatch.setattr(tool, 'build_teacher', lambda _, **kw: build(tiny_teacher(1000), **kw))
    monkeypatch.setattr(tool, 'read', lambda *_: pytest.fail('features were read'))
    root = ['--cfg-options', f'train_dataloader.dataset.data_root={celebamask}']
    with pytest.raises(SystemExit) as stop:
        tool.main([f'repfusion/{config}.py', *options.split(), '--out', str(tmp_path), *root])
    assert stop.value.code == 2 and message in capsys.readouterr().err
