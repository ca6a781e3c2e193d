# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The recipes of other papers train from their configs, with a narrow student."""

import math
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

FOLDER = Path(__file__).parents[2] / 'configs' / 'repfusion' / 'experiments'


@pytest.mark.parametrize(
    ('name', 'pairs', 'timesteps'),
    [
        ('dreamteacher', 4, {9.0}),  # t = 50 of 256 px
        ('cleandift', 3, None),
        ('eupe', 2, {50.0}),
        ('patient', 1, {50.0}),
    ],
)
def test_card_trains(tmp_path, name, pairs, timesteps):
    cfg = Config.fromfile(FOLDER / f'distill_toyfaces_r18_{name}.py')
    cfg.train_dataloader.update(batch_size=4, num_workers=0, persistent_workers=False)
    cfg.model.backbone.update(base_channels=4, stem_channels=4)
    cfg.train_cfg.update(max_iters=2)
    cfg.default_hooks.logger.interval = 1
    cfg.work_dir, cfg.experiment_name = str(tmp_path), tmp_path.name
    runner = Runner.from_cfg(cfg)
    runner.train()
    history = runner.message_hub.log_scalars
    losses = [key for key in history if key.startswith('train/loss_distill')]
    assert len(losses) == pairs
    assert all(math.isfinite(v) and v > 0 for key in losses for v in history[key].data[0])
    if timesteps:
        assert set(history['train/timestep'].data[0].tolist()) == timesteps
