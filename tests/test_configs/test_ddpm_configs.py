# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The diffusion training configs, shrunk but otherwise as they are, run and resume."""

import importlib
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from mmengine.runner import Runner
from torch import nn

from mmdiffrep.diffusion import Tap, build_schedule
from mmdiffrep.diffusion.denoisers import UNet2DDenoiser, load_denoiser
from mmdiffrep.registry import DATASETS, MODELS

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
    'default_hooks.sample_grid.num': 4,
    'default_hooks.sample_grid.num_inference_steps': 2,
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
        points = [str(5 + number % 40) for number in range(136)]
        rows = [header, *([f'{index}.jpg', *points] for index in range(4))]
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


@pytest.mark.parametrize(
    'name', ['edm_fashionmnist_32.py', 'edm_cifar10_32_ddpmpp_aug.py', 'ddpm_cifar10_32_unet35m.py']
)
def test_config_of_a_public_data_set_trains_on_images_of_its_size(name, tmp_path):
    config = Config.fromfile(CONFIGS / name)
    pipeline = [dict(type='LoadImageFromFile'), *config.train_dataloader.dataset.pipeline]
    levels = len(config.model.unet.block_out_channels)
    config.merge_from_dict(
        {
            'model.unet.block_out_channels': (8,) * levels,
            'model.unet.norm_num_groups': 4,
            'model.unet.attention_head_dim': 8,
            'train_dataloader.batch_size': 2,
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
            'optim_wrapper.type': 'OptimWrapper',  # there is no autocast to float16 on a CPU
            'default_hooks.sample_grid.num_inference_steps': 2,
            'model.data_preprocessor.bgr_to_rgb': True,  # files are read as BGR, CIFAR is RGB
        }
    )
    if config.train_cfg.type == 'EpochBasedTrainLoop':
        config.train_cfg.max_epochs = 1
    else:
        config.train_cfg.max_iters = 2
    (tmp_path / 'images').mkdir()
    for index in range(4):
        cv2.imwrite(str(tmp_path / 'images' / f'{index}.png'), np.full((32, 32, 3), 60 * index))
    config.train_dataloader.dataset = dict(
        type='mmdiffrep.ImageListDataset', data_root=str(tmp_path / 'images'), pipeline=pipeline
    )
    config.work_dir = str(tmp_path / 'run')
    train(config)
    assert (tmp_path / 'run' / 'samples' / 'iter_000002.png').is_file()
    assert load_denoiser(str(tmp_path / 'run' / 'denoiser')).image_size == 32


def test_images_are_mirrored_once():
    """In the pipeline, or by the augmentation, which tells the network."""
    for path in CONFIGS.glob('*.py'):
        cfg = Config.fromfile(path)
        if 'augment_prob' in cfg.model:
            steps = [step.type for step in cfg.train_dataloader.dataset.pipeline]
            assert steps == ['mmdiffrep.PackImage'], path.name


@pytest.mark.parametrize('number', ['10', '100'])
def test_images_of_cifar_keep_their_colors(tmp_path, monkeypatch, number):
    data_set = getattr(importlib.import_module('mmpretrain.datasets'), f'CIFAR{number}')
    config = Config.fromfile(CONFIGS / f'edm_cifar{number}_32_unet35m.py')
    folder = tmp_path / data_set.base_folder
    folder.mkdir()
    red = np.zeros((2, 3, 32, 32), dtype=np.uint8)
    red[:, 0] = 255
    entry = dict(data=red.reshape(2, -1), labels=[0, 1], fine_labels=[0, 1])
    (folder / 'images').write_bytes(pickle.dumps(entry))
    monkeypatch.setattr(data_set, 'train_list', [['images', None]])
    monkeypatch.setattr(data_set, 'test_list', [])

    init_default_scope(config.default_scope)
    config.train_dataloader.dataset.data_root = str(tmp_path)
    sample = DATASETS.build(config.train_dataloader.dataset)[1]
    preprocess = MODELS.build(config.model.data_preprocessor)
    images = preprocess(dict(inputs=[sample['inputs']], data_samples=None))['inputs']
    assert images.shape == (1, 3, 32, 32)
    assert (images[:, 0] == 1).all() and (images[:, 1:] == -1).all()


def build_on_meta(name):
    with torch.device('meta'):
        return MODELS.build(Config.fromfile(CONFIGS / name).model)


def parameters_of(model):
    return sum(p.numel() for p in model.unet.parameters())


@pytest.mark.parametrize(
    'name',
    [
        f'{kind}_{data}_unet35m.py'
        for kind in ('ddpm', 'edm')
        for data in ('cifar10_32', 'cifar100_32', 'tinyimagenet_64')
    ],
)
def test_ddaes_smaller_network(name):
    model = build_on_meta(name)
    assert parameters_of(model) == 35_746_307
    taps = UNet2DDenoiser(model.unet, build_schedule(None)).taps
    # out_6 and out_7 of DDAE: the last res block at 8 px, the first at 16 px of CIFAR's 32
    assert [name for name in taps if name.startswith('dec.')] == [f'dec.{i}' for i in range(12)]
    assert (taps['dec.5'], taps['dec.6']) == (Tap(256, 4), Tap(256, 2))


def test_what_is_not_official_is_said():
    unet = build_on_meta('ddpm_cifar10_32_unet35m.py').unet
    assert unet.conv_norm_out.num_groups == 32
    readme = (CONFIGS / 'README.md').read_text()
    assert 'has 32 groups (official: 8)' in readme
    assert 'gets the timestep t as in the paper, not t / 1000' in readme
    assert 'the longer `C_B_R_C`' in (CONFIGS.parent / 'diffeed' / 'README.md').read_text()


@pytest.mark.parametrize(
    'name',
    [
        'ddpm_cifar10_32_ddpmpp.py',
        'ddpm_cifar100_32_ddpmpp.py',
        'edm_cifar10_32_ddpmpp.py',
        'edm_cifar100_32_ddpmpp.py',
        'edm_cifar10_32_ddpmpp_aug.py',
    ],
)
def test_ddaes_larger_network(name):
    model = build_on_meta(name)
    # The published network has 128 channels in front of its first res block, ours has 256.
    with torch.device('meta'):
        ours = [nn.Conv2d(3, 256, 3, padding=1), nn.Linear(256, 512)]
        ours += [nn.GroupNorm(32, 256), nn.Conv2d(256, 256, 3)]  # the first res block
        ours += [nn.GroupNorm(32, 512), nn.Conv2d(512, 256, 3), nn.Conv2d(512, 256, 1)]  # last
        official = [nn.Conv2d(3, 128, 3, padding=1), nn.Linear(128, 512)]
        official += [nn.GroupNorm(32, 128), nn.Conv2d(128, 256, 3), nn.Conv2d(128, 256, 1)]
        official += [nn.GroupNorm(32, 384), nn.Conv2d(384, 256, 3), nn.Conv2d(384, 256, 1)]
    differ = [
        sum(p.numel() for part in parts for p in part.parameters()) for parts in (ours, official)
    ]
    published = parameters_of(model) - differ[0] + differ[1]
    assert parameters_of(model) == 57_183_491
    assert round(published / 1e6, 1) == 56.5
    model.unet.register_to_config(class_embed_type=None)  # as it is exported
    taps = UNet2DDenoiser(model.unet, build_schedule(None)).taps
    # out_6 and out_7 of DDAE: the first two res blocks at 16 px
    assert [name for name in taps if name.startswith('dec.')] == [f'dec.{i}' for i in range(15)]
    assert (taps['dec.4'], taps['dec.5'], taps['dec.6']) == (Tap(256, 4), Tap(256, 2), Tap(256, 2))


@pytest.mark.parametrize(
    ('name', 'warmup', 'decay', 'epochs', 'rate'),
    [
        ('ddpm_cifar10_32_unet35m.py', 13, 0.9999, 2000, 4e-4),
        ('edm_cifar100_32_ddpmpp.py', 200, 0.9993, 2000, 4e-4),
        ('edm_cifar10_32_ddpmpp_aug.py', 200, 0.9993, 4000, 8e-4),
    ],
)
def test_ddaes_schedule(name, warmup, decay, epochs, rate):
    cfg = Config.fromfile(CONFIGS / name)
    assert cfg.train_cfg.max_epochs == epochs and cfg.optim_wrapper.optimizer.lr == rate
    assert 1 - cfg.default_hooks.ema.momentum == pytest.approx(decay)
    optimizer = torch.optim.Adam([torch.zeros(1)], lr=rate)
    (scheduler,) = cfg.param_scheduler
    scheduler = PARAM_SCHEDULERS.build(dict(scheduler, optimizer=optimizer))
    for epoch in range(warmup + 2):
        expected = rate * min((epoch + 1) / warmup, 1)
        assert optimizer.param_groups[0]['lr'] == pytest.approx(expected)
        optimizer.step()
        scheduler.step()


def test_the_shipped_size_fits_into_twelve_megabytes():
    config = Config.fromfile(CONFIGS / 'ddpm_toyfaces_64.py')
    with torch.device('meta'):
        model = MODELS.build(config.model)
    assert sum(p.numel() for p in model.unet.parameters()) * 2 < 11.9e6
