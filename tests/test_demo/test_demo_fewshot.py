# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import csv

import numpy as np
import pytest
import torch


@pytest.fixture
def demo(import_tool):
    return import_tool('demo_fewshot')


@pytest.mark.parametrize('data', ['toyfaces_64', 'celebamask_64'])
def test_methods_see_the_same_images_and_start_where_they_should(demo, data, tmp_path):
    r18 = tmp_path / 'fewshot_r18' / 'repeat_3'
    r18.mkdir(parents=True)
    (r18 / 'last_checkpoint').write_text(str(r18 / 'iter_300.pth'))
    torch.save({}, r18 / 'iter_300.pth')
    for method in demo.METHODS:
        cfg = demo.config_of(method, data, 3, tmp_path, {'model.test': 1})
        subset = cfg.train_dataloader.dataset
        assert subset.type == 'mmdiffrep.FewShotSubset'
        assert (subset.num_images, subset.repeat) == (20, 3)
        assert subset.dataset.get('split', 'train') == 'train'
        assert cfg.val_cfg is None and cfg.model.test == 1
        assert cfg.work_dir == str(tmp_path / method.config / 'repeat_3')
    assert cfg.model.backbone.backbone.init_cfg.checkpoint == str(r18 / 'iter_300.pth')


def test_table_and_picture(demo, tmp_path, monkeypatch, capsys):
    seen = []

    def run_repeat(cfg):
        seen.append(cfg.work_dir)
        return dict(mIoU=10.0 + len(seen))

    def segment(cfg, count):
        maps = [np.zeros((8, 8), int)] * count
        return dict(
            images=[np.zeros((8, 8, 3), np.uint8)] * count,
            truth=maps,
            labels=maps,
            uncertainty=[np.zeros((8, 8))] * count,
            palette=[[0, 0, 0]],
        )

    monkeypatch.setattr(demo, 'run_repeat', run_repeat)
    monkeypatch.setattr(demo, 'segment', segment)
    demo.main(['--work-dir', str(tmp_path / 'demo'), '--repeats', '2'])
    names = [method.config for method in demo.METHODS]
    folders = [str(tmp_path / 'demo' / name / f'repeat_{r}') for r in (0, 1) for name in names]
    assert seen == folders, 'a method comes behind the one that it starts from'
    with open(tmp_path / 'demo' / 'scores.csv', newline='') as file:
        rows = [(row['method'], float(row['mIoU'])) for row in csv.DictReader(file)]
    assert rows[:2] == [('DDPM-Seg', 11.0), ('DDPM-Seg', 15.0)] and len(rows) == 8
    assert '13.00 ± 2.83' in capsys.readouterr().out
    assert (tmp_path / 'demo' / 'comparison.png').is_file()


def test_repeats(demo, capsys):
    with pytest.raises(SystemExit):
        demo.parse_args(['--repeats', '0'])
    assert 'must be at least 1' in capsys.readouterr().err
