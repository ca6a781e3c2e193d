# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Every RepFusion config builds, and the hook trains on every host from its own config."""

import math
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmdiffrep.registry import MODELS
from mmdiffrep.testing import tiny_teacher

CONFIGS = Path(__file__).parents[2] / 'configs' / 'repfusion'
NAMES = sorted(path.stem for path in CONFIGS.glob('*.py'))


def test_there_are_configs():
    expected = {'toyfaces_r18', 'celebamask_r18', 'celebamask_r50', 'distill_toyfaces_r18'}
    assert expected <= set(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_model_builds(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    assert sum(param.numel() for param in model.parameters()) > 1e7


@pytest.mark.parametrize('size', ['r18', 'r50'])
def test_finetune_differs_from_scratch_in_its_start_alone(size):
    scratch = Config.fromfile(CONFIGS / f'celebamask_{size}_scratch.py')
    finetune = Config.fromfile(CONFIGS / f'celebamask_{size}_finetune.py')
    finetune.pop('distilled')
    finetune.model.backbone.backbone_cfg.pop('init_cfg')
    assert finetune.to_dict() == scratch.to_dict()


def test_official_values_of_the_paper():
    cfg = Config.fromfile(CONFIGS / 'celebamask_r50.py')
    hook = cfg.custom_hooks[1]
    assert hook.teacher == 'google/ddpm-ema-celebahq-256'
    assert hook.policy.t == 0 and hook.noise == 'none'
    loss = hook.pairs[0].loss
    assert (loss.type, loss.distance, loss.loss_weight) == ('mmdiffrep.DenseFeatureLoss', 'l1', 10)
    assert cfg.optim_wrapper.optimizer.lr == 0.005 and cfg.train_cfg.max_iters == 160000
    assert cfg.model.backbone.context_channels == (512, 1024, 2048)


@pytest.mark.parametrize(
    ('name', 'depth', 'batch_size', 'distance', 'loss_weight'),
    [('distill_celebahq_r18', 18, 16, 'l2', 1), ('distill_celebahq_r50', 50, 8, 'l1', 10)],
)
def test_official_values_of_the_first_stage(name, depth, batch_size, distance, loss_weight):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    loss = cfg.custom_hooks[1].pairs[0].loss
    assert (loss.distance, loss.loss_weight) == (distance, loss_weight)
    assert (cfg.model.backbone.depth, cfg.train_dataloader.batch_size) == (depth, batch_size)
    assert cfg.optim_wrapper.optimizer == cfg.custom_hooks[1].optimizer
    assert cfg.train_cfg.max_epochs == 200 and cfg.param_scheduler[0].milestones == [100, 150]


@pytest.mark.parametrize(
    ('name', 'metric'),
    [
        ('toyfaces_r18_scratch', 'mIoU'),
        ('toyfaces_r18_pose_scratch', 'NME'),
        ('toyfaces_r18_cls_scratch', 'accuracy/top1'),
    ],
)
def test_hook_trains_and_validates_on_each_host(tmp_path, name, metric):
    """The policy is rewarded on every task, by the reward that fits the host's head."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(num_images=4, indices=None)
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.work_dir = str(tmp_path)
    cfg.default_hooks.logger.interval = 1
    cfg.experiment_name = name
    cfg.custom_hooks.append(
        dict(
            type='mmdiffrep.RepFusionHook',
            teacher=tiny_teacher(),
            pairs=[
                dict(
                    student='backbone',
                    teacher='mid',
                    loss=dict(type='mmdiffrep.DenseFeatureLoss'),
                )
            ],
            policy=dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20),
        )
    )
    runner = Runner.from_cfg(cfg)
    runner.train()
    history = runner.message_hub.log_scalars
    for key in ('loss_distill', 'loss_policy', 'loss_decoder', 'reward', 'policy_entropy'):
        assert math.isfinite(history[f'train/{key}'].current()), key
    assert math.isfinite(history[f'val/{metric}'].current())
