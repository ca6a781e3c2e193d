# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The classification configs of GDC and DifFormer: official values, augmentation, short runs."""

import math
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from mmengine.runner import Runner

from mmdiffrep.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs'


def load(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def trainable(model):
    return sum(each.numel() for each in model.parameters() if each.requires_grad)


def maps_of(backbone, side=256):
    """Maps of the shapes that a backbone announces, without their pass."""
    shapes = zip(backbone.out_channels, backbone.out_strides)
    return [torch.empty(2, c, side // s, side // s, device='meta') for c, s in shapes]


@pytest.mark.parametrize(
    ('name', 'lr', 'taps', 'timesteps', 'parameters'),
    [
        ('gdc/gdc_imagenet_adm_256_linear', 0.01, ['dec.4'], [150], 4096 * 1000 + 1000),
        ('gdc/gdc_imagenet_adm_256_attention', 0.05, ['dec.4'], [150], 27_786_216),
        (
            'difformer/difformer_imagenet_adm_256',
            0.05,
            ['mid', 'dec.4', 'dec.10'],
            [90, 150, 300],
            31_802_344,
        ),
    ],
)
def test_official_values(name, lr, taps, timesteps, parameters, build_without_memory):
    cfg = load(name)
    assert dict(cfg.optim_wrapper.optimizer) == dict(
        type='SGD', lr=lr, momentum=0.0, weight_decay=0.0
    )
    (step,) = cfg.param_scheduler
    assert dict(step) == dict(type='StepLR', step_size=7, gamma=0.1, by_epoch=True)
    assert (cfg.train_cfg.max_epochs, cfg.train_dataloader.batch_size) == (28, 32)
    assert cfg.auto_scale_lr.base_batch_size == 4 * 32
    assert (cfg.model.backbone.taps, cfg.model.backbone.timesteps) == (taps, timesteps)
    assert cfg.model.backbone.noise == 'fresh'
    del cfg.model.backbone.denoiser['checkpoint']
    model = build_without_memory(cfg)
    assert trainable(model) == parameters
    assert model.head(model.neck(maps_of(model.backbone))).shape == (2, 1000)


@pytest.mark.parametrize('name', ['mlp', 'cnn'])
def test_other_heads_fit_the_tap(name):
    model = load(f'gdc/gdc_imagenet_adm_256_{name}').model
    with torch.device('meta'), DefaultScope.overwrite_default_scope('mmpretrain'):
        neck, head = MODELS.build(model.neck), MODELS.build(model.head)
        assert head(neck([torch.empty(2, 1024, 16, 16)])).shape == (2, 1000)


def test_fine_tuning_differs_in_two_values():
    frozen, tuned = (
        load('difformer/difformer_imagenet_adm_256'),
        load('difformer/difformer_imagenet_adm_256_finetune'),
    )
    assert tuned.model.backbone.pop('frozen') is False
    assert (frozen.optim_wrapper.optimizer.lr, tuned.optim_wrapper.optimizer.lr) == (5e-2, 1e-3)
    frozen.optim_wrapper.optimizer.lr = 1e-3
    assert frozen.to_dict() == tuned.to_dict()


@pytest.mark.parametrize('size', [(300, 500), (900, 400), (120, 90)])
def test_imagenet_pipelines_give_squares(size, tmp_path):
    cfg = load('gdc/gdc_imagenet_adm_256_linear')
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    (tmp_path / 'a').mkdir()
    cv2.imwrite(str(tmp_path / 'a' / '0.png'), image)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        for split in ('train', 'val'):
            pipeline = cfg[f'{split}_dataloader'].dataset.pipeline
            dataset = DATASETS.build(
                dict(type='CustomDataset', data_root=str(tmp_path), pipeline=pipeline)
            )
            assert dataset[0]['inputs'].shape == (3, 256, 256)


def test_the_shorter_side_is_drawn_up_to_320():
    cfg = load('gdc/gdc_imagenet_adm_256_linear')
    from mmcv.transforms import Compose

    resize = cfg.train_dataloader.dataset.pipeline[1]
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        pipeline = Compose([resize])
        image = np.zeros((500, 1000, 3), np.uint8)
        sides = [pipeline(dict(img=image))['img'].shape for _ in range(30)]
    shorter = [shape[0] for shape in sides]
    assert 256 <= min(shorter) < 270 and 305 < max(shorter) <= 320
    assert all(abs(shape[1] - 2 * shape[0]) <= 2 for shape in sides)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Fashion-MNIST and the CIFAR-10 subset in one folder, two images a class."""
    root = tmp_path_factory.mktemp('data')
    labels = np.arange(20, dtype=np.uint8) % 10
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    for prefix in ('train', 't10k'):
        for what, array in (('images-idx3', images), ('labels-idx1', labels)):
            head = b'\0\0\x08' + struct.pack(f'>B{array.ndim}I', array.ndim, *array.shape)
            (root / f'{prefix}-{what}-ubyte').write_bytes(head + array.tobytes())
    for split in ('train', 'test'):
        for number, (image, label) in enumerate(zip(images, labels)):
            folder = root / split / f'class{label}'
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f'{number:02d}.png'), cv2.resize(image, (32, 32)))
    return root


def shrunk(name, data, folder):
    """Four iterations of four images, with a random diffusion model of the shipped size."""
    cfg = load(name)
    ddpm = 'fashionmnist' if 'fashion' in name else 'cifar10'
    unet = load(f'ddpm/ddpm_{ddpm}_32').model.unet
    denoiser = dict(type='UNet2DDenoiser', unet=dict(unet))
    if 'denoiser' in cfg.model.backbone:
        assert cfg.model.backbone.denoiser == f'work_dirs/ddpm_{ddpm}_32/denoiser'
        cfg.model.backbone.denoiser = denoiser
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
        dataset = loader.dataset
        while 'dataset' in dataset:
            if dataset.type == 'mmdiffrep.FeatureBankDataset':
                dataset.root = str(folder / 'banks')
                dataset.bank.model = denoiser
            dataset = dataset.dataset
        dataset.data_root = str(data)
    cfg.train_cfg.update(max_iters=4, val_interval=4)
    cfg.default_hooks.logger.interval = 1
    cfg.default_hooks.checkpoint.interval = 4
    cfg.work_dir = str(folder)
    cfg.experiment_name = folder.name
    return cfg


@pytest.mark.parametrize(
    'name',
    [
        'gdc/gdc_fashionmnist_linear',
        'gdc/gdc_fashionmnist_attention',
        'gdc/gdc_cifar10_small_linear',
        'gdc/gdc_cifar10_small_attention',
        'difformer/difformer_fashionmnist',
        'difformer/difformer_cifar10_small',
    ],
)
def test_trains(name, data, tmp_path):
    runner = Runner.from_cfg(shrunk(name, data, tmp_path))
    runner.train()
    scalars = runner.message_hub.log_scalars
    for key in ('train/loss', 'val/accuracy/top1'):
        assert math.isfinite(scalars[key].current())
    assert trainable(runner.model) == sum(each.numel() for each in runner.model.parameters())


@pytest.mark.parametrize('name', ['fashionmnist', 'cifar10_small'])
def test_a_bank_holds_what_the_backbone_would_read(name, data, tmp_path):
    live, banked = load(f'difformer/difformer_{name}'), load(f'difformer/difformer_{name}_bank')
    assert live.model.neck == banked.model.neck and live.model.head == banked.model.head
    assert live.optim_wrapper == banked.optim_wrapper
    runner = Runner.from_cfg(shrunk(f'difformer/difformer_{name}_bank', data, tmp_path))
    runner.train()
    assert math.isfinite(runner.message_hub.log_scalars['train/loss'].current())
    sample = runner.train_dataloader.dataset[0]
    taps, timesteps = live.model.backbone.taps, live.model.backbone.timesteps
    assert list(sample['inputs']) == [(t, tap) for t in timesteps for tap in taps]
    sides = {tuple(one.shape[1:]) for one in sample['inputs'].values()}
    assert sides == {(live.model.backbone.max_side,) * 2}
    channels = [one.shape[0] for one in sample['inputs'].values()]
    assert channels == live.model.neck.in_channels * 3


def test_labels_beyond_the_classes_stop_the_run(data, tmp_path):
    cfg = shrunk('difformer/difformer_fashionmnist', data, tmp_path)
    cfg.model.head.num_classes = 7
    with pytest.raises(ValueError, match=r'training data: .* has gt_label \d, but the head has 7'):
        Runner.from_cfg(cfg).train()


def test_drawn_faces_from_a_bank(tmp_path):
    cfg = load('difformer/difformer_toyfaces_64_bank')
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.root = str(tmp_path / 'banks')
        loader.dataset.dataset.update(num_images=2, indices=None)
    cfg.train_cfg.update(max_iters=3, val_interval=3)
    cfg.default_hooks.logger.interval = 1
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = 'faces'
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert math.isfinite(runner.message_hub.log_scalars['train/loss'].current())
    classes = runner.train_dataloader.dataset.metainfo['classes']
    assert runner.model.head.num_classes == len(classes)
    assert trainable(runner.model) == 469_508
