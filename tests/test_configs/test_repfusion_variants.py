# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Every variant of the distillation trains from its config, shrunk to a few channels."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmdiffrep.apis.build_teacher_bank import build_teacher_bank
from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import greatest_difference, parameters_of, tiny_teacher

FOLDER = Path(__file__).parents[2] / 'configs' / 'repfusion' / 'experiments'
PREFIX = 'toyfaces_r18_cls_'
NAMES = sorted(path.stem.removeprefix(PREFIX) for path in FOLDER.glob(f'{PREFIX}*.py'))
ITERS = 20
BATCH = 4


def load(name):
    return Config.fromfile(FOLDER / f'{PREFIX}{name}.py')


def shrink(cfg, folder):
    """32 px, 4 images, a student of 4 to 32 channels and a random teacher."""
    cfg.train_dataloader.update(batch_size=BATCH, num_workers=0, persistent_workers=False)
    dataset = cfg.train_dataloader.dataset
    images = dataset.dataset if dataset.type == 'mmdiffrep.FixedViews' else dataset
    images.update(num_images=2 * BATCH, indices=None, image_size=32)
    images.pipeline[1].crop_size = 32
    cfg.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    cfg.model.backbone.update(base_channels=4, stem_channels=4)
    cfg.model.head.in_channels = 32
    cfg.train_cfg.update(max_iters=ITERS, val_interval=10**6)
    cfg.default_hooks.logger.interval = 10**6
    cfg.work_dir = str(folder)
    cfg.experiment_name = folder.name
    hook = cfg.default_hooks.repfusion
    if 'denoiser' in hook.teacher:
        dataset.bank = hook.teacher.bank = str(folder / 'bank')
        hook.teacher.denoiser = tiny_teacher(1000)
        build_teacher_bank(cfg)
    else:
        hook.teacher = (
            tiny_teacher(1000) if isinstance(hook.teacher, str) else tiny_cnn(cfg, folder)
        )


def tiny_cnn(cfg, folder):
    """A random classifier like the student."""
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
    path = folder / 'cnn.pth'
    torch.save(model.state_dict(), path)
    keys = ('model', 'data_preprocessor', 'default_scope')
    config = {key: cfg[key] for key in keys}
    return dict(cfg.default_hooks.repfusion.teacher, config=config, checkpoint=str(path))


def check_that_distillation_teaches(runner):
    """The distillation terms alone have a gradient for the student's first layer."""
    hook = next(hook for hook in runner.hooks if isinstance(hook, RepFusionHook))
    hook.before_train(runner)
    batch = next(iter(runner.train_dataloader))
    hook.before_train_iter(runner, 0, batch)
    data = runner.model.data_preprocessor(batch, True)
    terms = runner.model(data['inputs'], data['data_samples'], mode='loss')
    hook.after_train(runner)
    distilled = sum(value for key, value in terms.items() if 'loss_distill' in key)
    (gradient,) = torch.autograd.grad(distilled, [runner.model.backbone.conv1.weight])
    assert gradient.abs().max() > 0


@pytest.mark.parametrize('name', NAMES)
def test_trains_from_its_config(tmp_path, name):
    cfg = load(name)
    assert cfg.default_hooks.finite_loss.type == 'mmdiffrep.FiniteLossHook'
    shrink(cfg, tmp_path)
    runner = Runner.from_cfg(cfg)
    before = parameters_of(runner.model)
    runner.train()
    check_that_distillation_teaches(runner)
    history = runner.message_hub.log_scalars
    terms = {key: buffer.data[0] for key, buffer in history.items() if 'loss' in key}
    distilled = [key for key in terms if 'distill' in key]
    assert distilled and all(len(terms[key]) > 0 for key in distilled)
    assert all(math.isfinite(value) for values in terms.values() for value in values)
    assert all(any(value > 0 for value in terms[key]) for key in distilled)
    assert len(terms['train/loss']) == ITERS
    learned = name.startswith(('reinforced', 'task_common'))
    assert bool([*tmp_path.glob('timesteps*.png')]) is learned
    moved = greatest_difference(before, parameters_of(runner.model))
    assert moved > 1e-4


def test_shipped_layers_and_taps_fit(tmp_path):
    """The pairs at their full size: the student of the configs, the teacher of the package."""
    cfg = load('several_pairs')
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset.update(num_images=2, indices=None)
    cfg.train_cfg.update(max_iters=1, val_interval=10**6)
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = tmp_path.name
    Runner.from_cfg(cfg).train()


@pytest.mark.parametrize(
    ('name', 'loss'),
    [
        ('hint', dict(type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1)),
        ('dense_l1', dict(type='mmdiffrep.DenseFeatureLoss', distance='l1', loss_weight=10)),
        ('attention_transfer', dict(type='mmdiffrep.AttentionTransferLoss', loss_weight=1000)),
        (
            'relational',
            dict(
                type='mmdiffrep.RelationalLoss', distance_weight=25, angle_weight=50, loss_weight=1
            ),
        ),
        ('contrastive', dict(type='mmdiffrep.ContrastiveLoss', temperature=0.1)),
    ],
)
def test_official_values(name, loss):
    cfg = load(name)
    assert cfg.default_hooks.repfusion.pairs[0].loss.to_dict() == loss
