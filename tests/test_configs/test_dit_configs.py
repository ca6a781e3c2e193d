# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The linear probe of DiT from stored latents: official values, and a run with tiny networks."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel
from mmengine.config import Config
from mmengine.runner import Runner
from mmpretrain.datasets import CIFAR10

from mmdiffrep.testing import tiny_dit, tiny_vae

CONFIG = Path(__file__).parents[2] / 'configs' / 'ddae' / 'ddae_cifar10_dit_xl2_probe.py'


@pytest.fixture
def pipeline(tmp_path):
    """A tiny DiT pipeline's folder."""
    torch.manual_seed(0)
    DiTPipeline(
        DiTTransformer2DModel(**tiny_dit()['transformer']),
        AutoencoderKL(**tiny_vae()),
        DDIMScheduler(),
    ).save_pretrained(tmp_path / 'dit')
    return str(tmp_path / 'dit')


@pytest.fixture
def cifar10(tmp_path, monkeypatch):
    for name in ('train_list', 'test_list'):
        monkeypatch.setattr(CIFAR10, name, [(file, None) for file, _ in getattr(CIFAR10, name)])
    folder = tmp_path / 'data' / 'cifar-10-batches-py'
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (10, 3072), dtype=np.uint8)
    for name in (*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch'):
        (folder / name).write_bytes(pickle.dumps(dict(data=pixels, labels=list(range(10)))))
    return str(tmp_path / 'data')


def test_official_values(build_without_memory):
    cfg = Config.fromfile(CONFIG)
    assert cfg.model.backbone.timesteps == [121] and cfg.train_dataloader.dataset.views == 10
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-3)
    assert cfg.train_cfg.max_epochs == 30
    assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 128
    published = dict(
        num_attention_heads=16, attention_head_dim=72, num_layers=28, sample_size=32, out_channels=8
    )
    cfg.model.backbone.denoiser = dict(type='DiTDenoiser', transformer=published)
    model = build_without_memory(cfg)
    assert len(model.backbone.denoiser.network.transformer_blocks) == 14, 'cut behind block 13'
    assert model.backbone.out_channels == (cfg.model.head.in_channels,) == (1152,)
    assert sum(parameter.numel() for parameter in model.parameters()) == 11_530


def test_trains(pipeline, cifar10, tmp_path):
    cfg = Config.fromfile(CONFIG)
    assert cfg.model.backbone.denoiser == cfg.reader.vae == 'facebook/DiT-XL-2-256'
    cfg.model.backbone.denoiser = pipeline
    cfg.model.backbone.taps = ['block.1']
    cfg.model.head.in_channels = 16
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
        loader.dataset.reader = dict(vae=pipeline, size=16, channel_order='rgb')
        loader.dataset.root = str(tmp_path / 'banks')
        loader.dataset.dataset.update(data_root=cifar10, indices=8)
    cfg.train_dataloader.dataset.views = 2
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.param_scheduler[0].T_max = 1
    cfg.default_hooks.logger.interval = 1
    cfg.work_dir, cfg.experiment_name = str(tmp_path / 'run'), 'dit'
    runner = Runner.from_cfg(cfg)
    runner.train()
    history = runner.message_hub.log_scalars
    assert math.isfinite(history['train/loss'].current())
    assert 'val/accuracy/top1' in history
    (bank,) = (tmp_path / 'banks').iterdir()
    assert len(list(bank.glob('*.safetensors'))) == 2, 'one folder for both splits'
