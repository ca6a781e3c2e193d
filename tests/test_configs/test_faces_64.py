# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The comparison on real faces at 64 px: every stage 1 trains, on the same images."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmdiffrep.registry import DATASETS, MODELS
from mmdiffrep.testing import tiny_teacher

CONFIGS = Path(__file__).parents[2] / 'configs' / 'repfusion'
STAGE_1 = {
    'celebamask': ('celebamask_64_r18_scratch', 'distill_celebamask_64_r18'),
    'face68': ('face68_r18_scratch', 'distill_face68_64_r18'),
}
VARIANTS = ['', '_uniform', '_reinforced', '_official']


def load(name):
    (path,) = CONFIGS.rglob(f'{name}.py')
    return Config.fromfile(path)


def short(name, root, work_dir):
    """Two iterations of a config on a folder of few images."""
    cfg = load(name)
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset.data_root = str(root)
    cfg.train_cfg = dict(by_epoch=False, max_iters=2)
    cfg.param_scheduler = None
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.default_hooks.logger.interval = 1
    cfg.default_hooks.checkpoint.interval = 2
    cfg.work_dir, cfg.experiment_name = str(work_dir / name), name
    return cfg


def logged(runner):
    """The last values of what a run logs of its training."""
    scalars = runner.message_hub.log_scalars
    return {name.removeprefix('train/'): value.current() for name, value in scalars.items()}


@pytest.mark.parametrize('data', STAGE_1)
@pytest.mark.parametrize('variant', VARIANTS)
def test_a_diffusion_model_teaches(data, variant, request, tmp_path):
    cfg = short(STAGE_1[data][1] + variant, request.getfixturevalue(data), tmp_path)
    cfg.default_hooks.repfusion.teacher = tiny_teacher(1000)
    runner = Runner.from_cfg(cfg)
    runner.train()
    values = logged(runner)
    assert values['loss_distill'] > 0
    assert ('policy_entropy' in values) == (variant == '_reinforced')
    assert runner.train_dataloader.dataset[0]['inputs'].shape == (3, 64, 64)


@pytest.mark.parametrize('data', STAGE_1)
def test_the_baseline_teaches(data, request, tmp_path):
    baseline, distill = STAGE_1[data]
    root = request.getfixturevalue(data)
    Runner.from_cfg(short(baseline, root, tmp_path)).train()
    cfg = short(f'{distill}_cnn', root, tmp_path)
    assert cfg.default_hooks.repfusion.teacher.config == f'repfusion/{baseline}.py'
    cfg.default_hooks.repfusion.teacher.checkpoint = str(tmp_path / baseline / 'iter_2.pth')
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert math.isfinite(logged(runner)['loss_distill'])


def flips_of(cfg):
    return [step for step in cfg.train_dataloader.dataset.pipeline if step['type'].endswith('Flip')]


def images_of(cfg):
    """The training images as the student gets them, without a flip."""
    for flip in flips_of(cfg):
        flip.prob = 0.0
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        preprocessor = MODELS.build(cfg.model.data_preprocessor)
    return preprocessor(pseudo_collate([*dataset]), training=True)['inputs']


@pytest.mark.parametrize('data', STAGE_1)
@pytest.mark.parametrize('variant', ['_uniform', '_reinforced', '_official', '_cnn'])
def test_students_differ_in_what_they_are_taught_alone(data, variant, request, tmp_path):
    names = [STAGE_1[data][1] + v for v in ('', variant)]
    first, other = map(load, names)
    assert other.model.backbone == first.model.backbone
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
        assert other[key] == first[key]
    assert other.train_dataloader.batch_size == first.train_dataloader.batch_size
    assert [flip.get('prob', 0.5) for cfg in (first, other) for flip in flips_of(cfg)] == [0.5] * 2
    root = request.getfixturevalue(data)
    images = [images_of(short(name, root, tmp_path)) for name in names]
    torch.testing.assert_close(*images, rtol=0, atol=0)


@pytest.mark.parametrize('data', STAGE_1)
def test_the_official_values_are_those_of_a_resnet_18(data):
    ours = load(f'{STAGE_1[data][1]}_official').default_hooks.repfusion
    theirs = load('celebamask_r18_official').default_hooks.repfusion
    assert ours.pop('teacher') == 'work_dirs/ddpm_celebamask_64/denoiser'
    assert theirs.pop('teacher') == 'google/ddpm-ema-celebahq-256'
    assert ours.pairs[0].pop('student') == 'backbone'
    theirs.pairs[0].pop('student')
    assert ours.to_dict() == theirs.to_dict()
