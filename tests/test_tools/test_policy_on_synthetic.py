# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import csv
from pathlib import Path

import pytest
from PIL import Image

from tools.benchmarks.known_timestep import Snapshot

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_tool('policy_on_synthetic')


def test_table_and_picture(tool, tmp_path, capsys):
    settings = ['official: no baseline, SGD 0.1', 'moving average, 50 buckets']
    tool.main(
        ['--out', str(tmp_path), '--seeds', '3', '4', '--iterations', '2', '--settings', *settings]
    )
    with open(tmp_path / 'policy_synthetic.csv') as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ['setting', 'seed', *Snapshot._fields]
    seen = [(row['setting'], row['seed'], row['iteration']) for row in rows]
    assert seen == [(name, seed, i) for name in settings for seed in '34' for i in '12']
    # Hardly trained: about a tenth of the timesteps lie within 5 % of the best.
    assert all(0.05 < float(row['mass']) < 0.2 for row in rows)
    assert Image.open(tmp_path / 'policy_synthetic.png').size[0] == 880
    assert 'official: no baseline, SGD 0.1: within 5 % [0.1' in capsys.readouterr().out


def test_official_setting_has_no_baseline_and_the_official_optimizer(tool):
    official = tool.SETTINGS['official: no baseline, SGD 0.1']
    assert official['policy'] == dict(baseline='none')
    assert official['optimizer'] == dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
