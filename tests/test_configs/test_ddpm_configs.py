# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The diffusion training configs, shrunk but otherwise as they are, run and resume."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs' / 'ddpm'
SMALL = {
    'model.unet.sample_size': 32,
    'model.unet.block_out_channels': (16, 16, 16, 32),
    'train_dataloader.batch_size': 2,
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'train_cfg.max_iters': 3,
    'train_cfg.val_interval': 3,
    'default_hooks.checkpoint.interval': 2,
    'custom_hooks.2.num': 4,
    'custom_hooks.2.num_inference_steps': 2,
}


def small_config(name, work_dir):
    config = Config.fromfile(CONFIGS / name)
    config.merge_from_dict(SMALL)
    if 'toyfaces' in name:
        config.train_dataloader.dataset.image_size = 32
    else:
        root = work_dir / 'data'
        (root / 'images').mkdir(parents=True, exist_ok=True)
        image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        for index in range(4):
            cv2.imwrite(str(root / 'images' / f'{index}.jpg'), image)
        (root / 'train.txt').write_text('0\n1\n2\n3\n')
        header = ['file', *(f'{axis}{i}' for i in range(68) for axis in 'xy')]
        rows = [header, *([f'{index}.jpg', *['5'] * 136] for index in range(4))]
        (root / 'train.csv').write_text('\n'.join(map(','.join, rows)))
        config.train_dataloader.dataset.data_root = str(root)
        config.train_dataloader.dataset.pipeline[1].scale = (32, 32)
    config.work_dir = str(work_dir / 'run')
    return config


def train(config):
    config.experiment_name = f'run_{np.random.default_rng().integers(1 << 62)}'
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


@pytest.mark.parametrize(
    'name', ['ddpm_toyfaces_64.py', 'ddpm_celebamask_64.py', 'ddpm_face68_64.py']
)
def test_config_trains_and_writes_the_averaged_denoiser(name, tmp_path):
    runner = train(small_config(name, tmp_path))
    folder = tmp_path / 'run' / 'denoiser'
    assert (tmp_path / 'run' / 'samples' / 'iter_000003.png').is_file()
    pipeline = DDPMPipeline.from_pretrained(folder)
    assert load_denoiser(str(folder)).image_size == 32

    ema = torch.load(tmp_path / 'run' / 'iter_3.pth', weights_only=True)['state_dict']
    exported = pipeline.unet.state_dict()
    training = runner.model.unet.state_dict()
    for key, value in exported.items():
        assert torch.equal(value.float(), ema[f'unet.{key}'].half().float()), key
    assert any(not torch.equal(training[key], ema[f'unet.{key}']) for key in training)


def test_a_resumed_run_equals_an_undisturbed_one(tmp_path):
    name = 'ddpm_toyfaces_64.py'
    through = train(small_config(name, tmp_path / 'through'))

    config = small_config(name, tmp_path / 'resumed')
    config.train_cfg.max_iters = 2
    train(config)
    config = small_config(name, tmp_path / 'resumed')
    config.resume = True
    resumed = train(config)

    for key, value in through.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[key]), key
    denoisers = [
        load_denoiser(str(tmp_path / run / 'run' / 'denoiser')) for run in ('through', 'resumed')
    ]
    assert denoisers[0].weights_hash == denoisers[1].weights_hash


def test_the_shipped_size_fits_into_twelve_megabytes():
    config = Config.fromfile(CONFIGS / 'ddpm_toyfaces_64.py')
    with torch.device('meta'):
        model = MODELS.build(config.model)
    assert sum(p.numel() for p in model.unet.parameters()) * 2 < 11.9e6
