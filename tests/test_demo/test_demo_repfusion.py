# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import csv
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest


@pytest.fixture
def demo(import_tool):
    return import_tool('demo_repfusion')


def test_stage_takes_seed_options_and_start(demo, tmp_path):
    with mock.patch.object(demo.Runner, 'from_cfg') as from_cfg:
        demo.train(
            'repfusion/toyfaces_r18.py',
            tmp_path / 'RepFusion',
            seed=3,
            options={'train_cfg.max_iters': 7},
            checkpoint='stage1.pth',
        )
    (cfg,) = from_cfg.call_args.args
    assert cfg.model.backbone.init_cfg.checkpoint == 'stage1.pth'
    assert (cfg.randomness.seed, cfg.train_cfg.max_iters) == (3, 7)
    assert cfg.work_dir == str(tmp_path / 'RepFusion')
    from_cfg.return_value.train.assert_called_once_with()


def test_students_differ_in_their_start_alone(demo, tmp_path, monkeypatch, capsys):
    stages = []
    scores = {'scratch': 10.0, 'RepFusion': 12.5}

    def train(config, work_dir, seed, options, checkpoint=None):
        stages.append((work_dir.name, config, seed, checkpoint))
        work_dir.mkdir(parents=True)
        (work_dir / 'last_checkpoint').write_text(f'{work_dir.name}_{seed}.pth')
        dataset = SimpleNamespace(metainfo=dict(palette=[[0, 0, 0], [255, 0, 0]]))
        return SimpleNamespace(
            test=lambda: dict(mIoU=scores[work_dir.name] + seed),
            test_dataloader=SimpleNamespace(dataset=dataset),
        )

    def predict(runner, count):
        maps = [np.zeros((8, 8), int)] * count
        images = [np.zeros((8, 8, 3), np.uint8)] * count
        return dict(images=images, truth=maps, prediction=maps)

    monkeypatch.setattr(demo, 'train', train)
    monkeypatch.setattr(demo, 'predict', predict)
    argv = ['demo_repfusion.py', '--work-dir', str(tmp_path / 'demo'), '--seeds', '0', '1']
    monkeypatch.setattr('sys.argv', argv)
    demo.main()

    assert stages == [
        stage
        for seed in (0, 1)
        for stage in (
            ('distill', 'repfusion/distill_toyfaces_r18.py', seed, None),
            ('scratch', 'repfusion/toyfaces_r18_scratch.py', seed, None),
            ('RepFusion', 'repfusion/toyfaces_r18.py', seed, f'distill_{seed}.pth'),
        )
    ]
    with open(tmp_path / 'demo' / 'scores.csv', newline='') as file:
        rows = [(row['student'], row['seed'], float(row['mIoU'])) for row in csv.DictReader(file)]
    assert rows == [
        ('scratch', '0', 10.0),
        ('scratch', '1', 11.0),
        ('RepFusion', '0', 12.5),
        ('RepFusion', '1', 13.5),
    ]
    assert '13.00 ± 0.71' in capsys.readouterr().out
    assert (tmp_path / 'demo' / 'comparison.png').is_file()
