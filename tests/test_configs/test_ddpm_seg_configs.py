# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DDPM-Seg's configs: official values, and drawn faces trained and tested, live and from a bank."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmdiffrep.datasets.ddpm_seg_classes import DDPM_SEG_PROTOCOLS
from mmdiffrep.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs' / 'ddpm_seg'


@pytest.mark.parametrize('category', DDPM_SEG_PROTOCOLS)
def test_official_values(category):
    cfg = Config.fromfile(CONFIGS / f'{category}_adm_256.py')
    assert cfg.model.decode_head.num_classes == len(DDPM_SEG_PROTOCOLS[category].classes)
    for split in ('train', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        assert (dataset.category, dataset.split, dataset.repeat) == (category, split, None)
    assert cfg.model.backbone.timesteps == [50, 150, 250]
    assert cfg.model.backbone.taps == [f'dec.{block}' for block in (5, 6, 7, 8, 12)]
    assert cfg.model.backbone.noise == dict(type='shared', seed=0)
    assert cfg.model.decode_head.num_members == 10
    assert (cfg.optim_wrapper.optimizer.type, cfg.optim_wrapper.optimizer.lr) == ('Adam', 1e-3)
    loop = cfg.train_cfg
    assert (loop.max_epochs, loop.batch_size, loop.min_class_pixels) == (100, 64, 20)


def test_length_of_the_hypercolumns_is_found():
    cfg = Config.fromfile(CONFIGS / 'horse_21_adm_256.py')
    del cfg.model.backbone.denoiser['checkpoint']
    with torch.device('meta'), DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    assert model.decode_head.in_channels == 8448
    assert [len(group) for group in model.neck.groups] == [9, 3, 3], 'strides 8, 4 and 2'


def run(name, folder):
    """Trains and tests a config on two images each, two members and few batches."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        if loader.dataset.type == 'mmdiffrep.FeatureBankDataset':
            loader.dataset.root = str(folder / 'banks')
            loader.dataset.dataset.num_images = 2
        else:
            loader.dataset.num_images = 2
    cfg.train_cfg.update(max_epochs=4, batch_size=1024)
    cfg.model.decode_head.num_members = 2
    cfg.work_dir = str(folder / name)
    cfg.experiment_name = f'{folder.name}_{name}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner.test()


def test_drawn_faces_live_and_from_a_bank(tmp_path):
    live = run('toyfaces_64_fewshot', tmp_path)
    assert live['mIoU'] > 10, '32 batches of pixels are enough to tell background, skin and hair'
    assert live['mIoU_count_ignored'] <= live['mIoU'] and live['uncertainty'] > 0
    banked = run('toyfaces_64_fewshot_bank', tmp_path)
    assert banked['mIoU'] == pytest.approx(live['mIoU'], abs=0.5)
    assert banked['uncertainty'] == pytest.approx(live['uncertainty'], abs=0.01)
