# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from statistics import stdev

import pytest
from mmengine.config import Config

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'
CONFIG = 'configs/ddpm_seg/toyfaces_64_fewshot.py'
SMALL = [
    'train_dataloader.dataset.num_images=2',
    'test_dataloader.dataset.num_images=1',
    'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
    'train_cfg.max_epochs=1',
    'train_cfg.batch_size=2048',
    'model.decode_head.num_members=2',
    'val_dataloader=None',
    'val_cfg=None',
    'val_evaluator=None',
]


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_tool('repeat_splits')


def start(tool, folder, *options, repeats=2, config=CONFIG):
    arguments = [config, '--repeats', str(repeats), '--work-dir', str(folder)]
    return tool.main([*arguments, '--cfg-options', *SMALL, *options])


def test_every_repeat_is_trained_and_tested_once(tool, tmp_path, capsys, monkeypatch):
    assert start(tool, tmp_path) == 0
    table = (tmp_path / 'table.md').read_text()
    assert table in capsys.readouterr().out and 'mean ± std, n = 2' in table
    metrics = [
        json.loads((tmp_path / f'repeat_{repeat}' / 'metrics.json').read_text())['metrics']
        for repeat in range(2)
    ]
    assert set(metrics[0]) >= {'mIoU', 'mIoU_count_ignored', 'uncertainty'}
    assert metrics[0] != metrics[1]
    assert f'± {stdev(one["uncertainty"] for one in metrics):.2g} |' in table
    monkeypatch.setattr('mmdiffrep.apis.repeat_splits.build_runner', None)  # nothing is run again
    assert start(tool, tmp_path) == 0
    assert start(tool, tmp_path, 'train_cfg.batch_size=1024') == 1
    assert 'of another config or other options' in capsys.readouterr().err


def test_images_and_seed_are_those_of_the_repeat(tool, tmp_path):
    cfg = Config.fromfile('configs/ddpm_seg/toyfaces_64_fewshot_bank.py')
    third = tool.config_of_repeat(cfg, 3, tmp_path)
    assert third.train_dataloader.dataset.dataset.repeat == 3
    assert third.randomness.seed == 3 and third.work_dir == str(tmp_path / 'repeat_3')
    assert cfg.train_dataloader.dataset.dataset.repeat is None
    paper = Config.fromfile('configs/ddpm_seg/cat_15_adm_256.py')
    third = tool.config_of_repeat(paper, 3, tmp_path)
    assert third.train_dataloader.dataset.repeat == third.test_dataloader.dataset.repeat == 3


def test_no_test_image_is_trained_on_when_only_training_has_repeat(tool, tmp_path):
    paper = Config.fromfile('configs/ddpm_seg/cat_15_adm_256.py')
    del paper.test_dataloader.dataset['repeat']
    third = tool.config_of_repeat(paper, 3, tmp_path)
    assert third.train_dataloader.dataset.repeat == third.test_dataloader.dataset.repeat == 3


def test_a_config_without_repeat_is_refused(tool, tmp_path, capsys):
    assert start(tool, tmp_path, config='configs/repfusion/toyfaces_r18_scratch.py') == 1
    assert 'no data set of train_dataloader has a key `repeat`' in capsys.readouterr().err


def test_table(tool):
    lines = tool.table([dict(mIoU=40.0), dict(mIoU=44.0), dict(mIoU=42.0)]).splitlines()
    assert lines[0] == '| metric | mean ± std, n = 3 | each |'
    assert lines[2] == '| mIoU | 42 ± 2 | 40, 44, 42 |'
