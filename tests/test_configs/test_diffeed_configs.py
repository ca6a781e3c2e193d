# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DifFeed's configs: the official values, and runs of the small ones."""

import math
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.models.backbones import FeedbackDPMBackbone

CONFIGS = Path(__file__).parents[2] / 'configs'


def load(name):
    return Config.fromfile(CONFIGS / 'diffeed' / f'diffeed_{name}.py')


def idx(array):
    return b'\0\0\x08' + struct.pack(f'>B{array.ndim}I', array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Ten Fashion-MNIST images a split, and as many of CIFAR-10's."""
    root = tmp_path_factory.mktemp('data')
    rng = np.random.default_rng(0)
    for prefix in ('train', 't10k'):
        images = rng.integers(0, 256, (10, 28, 28), dtype=np.uint8)
        (root / f'{prefix}-images-idx3-ubyte').write_bytes(idx(images))
        (root / f'{prefix}-labels-idx1-ubyte').write_bytes(idx(np.arange(10, dtype=np.uint8)))
    for split in ('train', 'test'):
        for label in range(10):
            folder = root / split / f'class{label}'
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / '0.png'), rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
    return root


@pytest.mark.parametrize('name', ['imagenet_adm_256', 'imagenet_adm_256_checkpoint'])
def test_official_values(name, build_without_memory):
    cfg = load(name)
    cfg.model.backbone.denoiser.checkpoint = None
    model = build_without_memory(cfg)
    backbone = model.backbone
    assert isinstance(backbone, FeedbackDPMBackbone) and backbone.timesteps == (150,)
    table = backbone.first_pass.module.taps
    assert {(table.site(source), table.site(target)) for source, target in backbone.pairs} == {
        (table.site(f'gdc:{source}'), table.site(f'gdc:{38 - source}'))
        for source in (21, 24, 27, 30, 33, 36)
    }
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    convs = sum(net.conv.weight.numel() for net in backbone.feedback_nets)
    norms = sum(2 * net.conv.out_channels for net in backbone.feedback_nets)
    assert convs == 2_752_512
    assert (trained - convs - norms) / 1e6 == pytest.approx(27.8, abs=0.05)
    sgd = dict(type='SGD', lr=0.01, momentum=0.0, weight_decay=0.0)
    assert cfg.optim_wrapper.optimizer == sgd
    assert cfg.param_scheduler == [dict(type='StepLR', step_size=7, gamma=0.1, by_epoch=True)]
    assert cfg.train_cfg.max_epochs == 28 and cfg.train_dataloader.batch_size == 4


@pytest.mark.parametrize(
    ('name', 'ddpm'),
    [('fashionmnist', 'ddpm_fashionmnist_32'), ('cifar10_small', 'ddpm_cifar10_32')],
)
def test_trains(name, ddpm, data, tmp_path):
    cfg = load(name)
    trained = Config.fromfile(CONFIGS / 'ddpm' / f'{ddpm}.py').model
    assert cfg.model.backbone.denoiser == f'work_dirs/{ddpm}/denoiser'
    cfg.model.backbone.denoiser = dict(type='UNet2DDenoiser', unet=trained.unet)
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.get('dataset', loader.dataset).update(data_root=str(data))
    cfg.val_dataloader.dataset.indices = 2
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.logger.interval = 1
    cfg.work_dir, cfg.experiment_name = str(tmp_path), f'diffeed_{name}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    backbone = runner.model.backbone
    assert [target for _, target in backbone.pairs] == ['enc.2', 'enc.1', 'enc.0']
    assert math.isfinite(runner.message_hub.log_scalars['train/loss'].current())
    assert 'val/accuracy/top1' in runner.message_hub.log_scalars
    assert next(tmp_path.glob('*.pth')).stat().st_size < 20e6, 'no weights of the U-Net'
