# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The DDAE configs: official numbers, and runs on tiny networks and images."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.testing import tiny_teacher

CONFIGS = Path(__file__).parents[2] / 'configs' / 'ddae'
NAMES = sorted(path.stem for path in CONFIGS.glob('*.py') if 'dit_xl2' not in path.stem)
# google/ddpm-cifar10-32's config, which is that of DDAE's 35.7 M network.
SMALL_UNET = dict(
    sample_size=32,
    in_channels=3,
    out_channels=3,
    layers_per_block=2,
    block_out_channels=(128, 256, 256, 256),
    down_block_types=('DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D'),
    up_block_types=('UpBlock2D', 'UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'),
    attention_head_dim=None,
)


def load(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


@pytest.fixture(scope='module')
def small():
    with torch.device('meta'):
        return load_denoiser(dict(type='UNet2DDenoiser', unet=SMALL_UNET))


def test_the_small_network_has_35_7_million_parameters(small):
    assert sum(one.numel() for one in small.network.parameters()) == 35_746_307


def test_blocks_are_where_ddae_counts_them(small):
    strides = [small.taps[f'ddae:{n}'].stride for n in range(1, 13)]
    assert strides == [8] * 3 + [4] * 3 + [2] * 3 + [1] * 3
    channels = [small.taps[f'ddae:{n}'].channels for n in range(1, 13)]
    assert channels == [256] * 9 + [128] * 3
    # out_6 is the last of the 8 x 8 blocks, out_7 the first of 16 x 16
    assert (small.taps['ddae:6'].stride, small.taps['ddae:7'].stride) == (4, 2)
    with pytest.raises(ValueError, match=r"no tap 'ddae:13'"):
        small.taps['ddae:13']


@pytest.mark.parametrize('name', NAMES)
def test_model_fits_its_network(name, build_without_memory, untrained):
    cfg = load(name)
    backbone = cfg.model.backbone
    if backbone.denoiser == 'google/ddpm-cifar10-32':
        backbone.denoiser = dict(type='UNet2DDenoiser', unet=SMALL_UNET)
    else:
        backbone.denoiser = untrained(backbone.denoiser)
    model = build_without_memory(cfg)
    channels = model.backbone.out_channels
    if name.endswith('grid'):
        assert model.head.in_channels == channels and len(model.head.names) == len(channels)
    else:
        with torch.device('meta'):
            maps = tuple(torch.empty(2, width, 4, 4) for width in channels)
        assert sum(one.shape[1] for one in model.neck(maps)) == model.head.in_channels
    frozen = not any(key.startswith('backbone') for key, _ in model.named_parameters())
    assert frozen != name.endswith('finetune')


@pytest.mark.parametrize(
    'name', ['ddae_cifar10_probe', 'ddae_cifar100_probe', 'ddae_tinyimagenet_probe']
)
def test_official_values(name):
    cfg = load(name)
    assert cfg.model.backbone.timesteps == [10] and cfg.model.backbone.taps == ['ddae:6']
    assert cfg.model.backbone.noise == 'fresh' and cfg.model.head.init_cfg is None
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-3)
    assert cfg.train_cfg.max_epochs == 15 and cfg.train_dataloader.batch_size == 128
    assert cfg.param_scheduler[0].type == 'CosineAnnealingLR' and cfg.param_scheduler[0].by_epoch


def test_official_grid_and_noise_levels_of_edm():
    assert load('ddae_cifar10_grid').model.head.timesteps == [0, 10, 20]
    cfg = load('ddae_cifar10_edm_grid')
    assert cfg.model.backbone.timesteps == cfg.model.head.timesteps == [3, 4, 5]
    assert load('ddae_cifar10_edm_probe').model.backbone.taps == ['ddae:7']


@pytest.mark.parametrize('kind', ['probe', 'grid', 'finetune'])
def test_trains_and_tests(kind, tmp_path):
    cfg = load(f'ddae_fashionmnist_{kind}')
    faces = dict(type='mmdiffrep.ToyFacesDataset', task='cls', attribute='mouth', image_size=32)
    pipeline = [dict(type='mmdiffrep.LoadToyFace', cache=True), dict(type='PackInputs')]
    for split, count in (('train', 8), ('val', 4), ('test', 4)):
        loader = cfg[f'{split}_dataloader']
        loader.dataset = dict(faces, split=split, num_images=count, pipeline=pipeline)
        loader.num_workers, loader.persistent_workers, loader.batch_size = 0, False, 4
    teacher = tiny_teacher()
    teacher['unet']['sample_size'] = 32
    cfg.model.backbone.update(denoiser=teacher, taps=['mid', 'dec.0'], timesteps=[0, 15])
    if kind == 'grid':
        cfg.model.head.update(
            taps=['mid', 'dec.0'], timesteps=[0, 15], in_channels=[16, 16], shown='t15/mid'
        )
    else:
        cfg.model.backbone.update(taps=['mid'], timesteps=[15])
        pooled, standardized = cfg.model.neck
        pooled.in_channels, standardized.input_features = [16], 64
        cfg.model.head.in_channels = 64
    cfg.train_cfg.update(max_epochs=2, val_interval=1)
    cfg.work_dir = str(tmp_path)
    runner = Runner.from_cfg(cfg)
    before = [one.clone() for one in runner.model.parameters()]
    runner.train()
    assert any(not torch.equal(a, b) for a, b in zip(before, runner.model.parameters()))
    scores = runner.test()
    assert 0 <= scores['accuracy/top1'] <= 100
    if kind == 'grid':
        keys = {'probe/t0/mid', 'probe/t0/dec.0', 'probe/t15/mid', 'probe/t15/dec.0', 'probe/best'}
        assert keys <= set(scores)
        assert scores['probe/t15/mid'] == pytest.approx(scores['accuracy/top1'])
