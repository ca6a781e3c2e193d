# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Stable Diffusion as the teacher of unchanged configs: trained, resumed, exported."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.apis.export_student import export_student
from mmdiffrep.testing.tiny_distillation import hook_of
from mmdiffrep.testing.tiny_latent import save_tiny_pipeline

CONFIGS = Path(__file__).parents[3] / 'configs' / 'repfusion'
STUDENTS = dict(mmseg='toyfaces_r18_scratch', mmpose='toyfaces_r18_pose_scratch')
STUDENTS['mmpretrain'] = 'toyfaces_r18_cls_scratch'
PAIR = dict(student='backbone', teacher='dift:1', loss=dict(type='mmdiffrep.DenseFeatureLoss'))


@pytest.fixture(scope='module')
def pipeline(tmp_path_factory):
    return str(save_tiny_pipeline('sd', tmp_path_factory.mktemp('sd')))


def config_of(host, teacher, folder, **hook):
    """A shipped config whose only change besides sizes is the hook, by its name."""
    cfg = Config.fromfile(CONFIGS / f'{STUDENTS[host]}.py')
    cfg.default_hooks.repfusion = dict(
        type='mmdiffrep.RepFusionHook', teacher=teacher, pairs=[PAIR], **hook
    )
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset.update(num_images=8, indices=None)
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None)
    cfg.default_hooks.logger.interval = 1
    cfg.default_hooks.checkpoint.update(interval=2, save_best=None)
    cfg.work_dir, cfg.experiment_name, cfg.log_level = str(folder), folder.name, 'WARNING'
    return cfg


def train(cfg, iterations, **options):
    cfg.train_cfg.update(max_iters=iterations)
    cfg.update(options)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


@pytest.mark.parametrize('host', STUDENTS)
def test_trains_an_unchanged_config_and_the_student_runs_in_its_host_alone(
    host, pipeline, tmp_path
):
    cfg = config_of(host, pipeline, tmp_path / 'run')
    runner = train(cfg, 3)
    losses = runner.message_hub.log_scalars
    assert losses['train/loss_distill'].current() > 0
    assert all(math.isfinite(value) for value in losses['train/loss'].data[0])
    keys = runner.model.state_dict()
    assert not any('unet' in key or 'vae' in key or 'distiller' in key for key in keys)
    student = export_student(cfg, tmp_path / 'run' / 'iter_3.pth', tmp_path / 'out')
    assert student.greatest_difference == 0 and student.pixel_difference == 0
    assert 'mmdiffrep' not in student.config.read_text()


def test_a_prompt_and_draws_are_given_with_the_teacher(pipeline, tmp_path):
    """And each of them changes what is learned."""
    teachers = dict(
        empty={},
        cat=dict(prompt='a photo of a cat'),
        draws=dict(draws=3),
    )
    learned = {}
    for name, options in teachers.items():
        teacher = dict(type='mmdiffrep.LatentDiffusion', pretrained=pipeline, **options)
        noise = dict(noise='fresh') if name == 'draws' else {}
        runner = train(config_of('mmseg', teacher, tmp_path / name, **noise), 3)
        learned[name] = runner.message_hub.get_scalar('train/loss_distill').current()
    assert len(set(learned.values())) == 3
    assert all(math.isfinite(value) for value in learned.values())


def test_a_resumed_run_is_the_undisturbed_one_bit_for_bit(pipeline, tmp_path):
    options = dict(
        noise='fresh',
        policy=dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=1000),
    )
    teacher = dict(type='mmdiffrep.LatentDiffusion', pretrained=pipeline, draws=2)
    whole = train(config_of('mmseg', teacher, tmp_path / 'whole', **options), 4)
    stopped = tmp_path / 'whole' / 'iter_2.pth'
    resumed = train(
        config_of('mmseg', teacher, tmp_path / 'resumed', **options),
        4,
        load_from=str(stopped),
        resume=True,
    )
    assert resumed.iter == 4
    for first, second in (
        (whole.model.state_dict(), resumed.model.state_dict()),
        (hook_of(whole).distiller.state_dict(), hook_of(resumed).distiller.state_dict()),
    ):
        assert first.keys() == second.keys()
        assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_run_does_not_resume_with_another_prompt(pipeline, tmp_path):
    train(config_of('mmseg', pipeline, tmp_path / 'first'), 2)
    other = dict(type='mmdiffrep.LatentDiffusion', pretrained=pipeline, prompt='a cat')
    cfg = config_of('mmseg', other, tmp_path / 'second')
    with pytest.raises(ValueError, match='the run was started with the teacher'):
        train(cfg, 4, load_from=str(tmp_path / 'first' / 'iter_2.pth'), resume=True)
