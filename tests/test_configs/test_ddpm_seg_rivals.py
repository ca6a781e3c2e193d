# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Other backbones under DDPM-Seg's head, and DatasetDDPM: built without downloads, run shrunk."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from mmengine.runner import Runner

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES, CELEBAMASK_PALETTE
from mmdiffrep.registry import MODELS
from mmdiffrep.visualization import image_png, mask_png

CONFIGS = Path(__file__).parents[2] / 'configs' / 'ddpm_seg'


def build(model):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(model)


@pytest.mark.parametrize(
    ('name', 'arch', 'channels', 'strides'),
    [
        ('mae', dict(num_layers=24, embed_dims=8), (8,) * 12, (16,) * 12),
        ('dinov2', dict(num_layers=24, embed_dims=8), (8,) * 4, (14,) * 4),
    ],
)
def test_tiny_vision_transformers(name, arch, channels, strides):
    cfg = Config.fromfile(CONFIGS / f'ffhq_34_{name}.py')
    vit = cfg.model.backbone.backbone
    assert vit.arch == 'large' and vit.init_cfg.prefix == 'backbone.'
    vit.arch = dict(arch, num_heads=2, feedforward_channels=8)
    model = build(cfg.model)
    assert (model.backbone.out_channels, model.backbone.out_strides) == (channels, strides)
    assert model.decode_head.num_classes == 34 and len(model.neck.groups) == 1
    columns = model.extract_feat(torch.zeros(1, 3, 256, 256))
    side = cfg.model.backbone.size // strides[0]
    assert [tuple(one.shape) for one in columns.maps] == [(1, sum(channels), side, side)]


def test_swav_has_the_official_length():
    cfg = Config.fromfile(CONFIGS / 'ffhq_34_swav.py')
    cfg.model.backbone.size = 64
    model = build(cfg.model)
    assert model.decode_head.in_channels == 6720


def test_rivals_differ_from_ddpm_seg_in_the_model_alone():
    ours = Config.fromfile(CONFIGS / 'ffhq_34_adm_256.py').to_dict()
    for name in ('mae', 'swav', 'dinov2'):
        rival = Config.fromfile(CONFIGS / f'ffhq_34_{name}.py').to_dict()
        rival['model']['decode_head'].pop('num_members'), rival.pop('model')
        expected = {k: v for k, v in ours.items() if k in rival}
        assert rival == expected


def shrunk(name, folder):
    """A config of drawn faces with two images each and few iterations."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].update(num_workers=0, persistent_workers=False)
        cfg[f'{split}_dataloader'].dataset.num_images = 2
    if cfg.train_cfg.type == 'IterBasedTrainLoop':
        cfg.train_cfg.update(max_iters=2, val_interval=2)
        cfg.train_dataloader.batch_size = 2
        cfg.default_hooks.checkpoint.interval = 2
    else:
        cfg.train_cfg.update(max_epochs=1, batch_size=1024)
        cfg.model.decode_head.num_members = 2
    cfg.work_dir = str(folder / name)
    cfg.experiment_name = f'{folder.name}_{name}'
    return cfg


def run(cfg):
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner.test(), runner.model


def test_cnn_end_to_end_and_its_features_under_the_head(tmp_path):
    metrics, cnn = run(shrunk('toyfaces_64_fewshot_r18', tmp_path))
    assert metrics['mIoU'] >= 0
    cfg = shrunk('toyfaces_64_fewshot_trained_cnn', tmp_path)
    checkpoint = (tmp_path / 'toyfaces_64_fewshot_r18' / 'last_checkpoint').read_text()
    cfg.model.backbone.backbone.init_cfg.checkpoint = checkpoint
    metrics, model = run(cfg)
    assert metrics['uncertainty'] > 0
    trained = cnn.backbone.state_dict()
    assert all(
        torch.equal(value, trained[key])
        for key, value in model.backbone.backbone.state_dict().items()
    ), 'taken from the run before, and frozen with its statistics'


def test_random_cnn_is_the_same_in_every_run(tmp_path):
    weights = []
    for folder in ('first', 'second'):
        cfg = shrunk('toyfaces_64_fewshot_random_cnn', tmp_path / folder)
        cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
        weights.append(run(cfg)[1].backbone.state_dict())
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


def faces_on_disk(root, count=3):
    """A folder in CelebAMask-HQ's layout, larger than the model's images."""
    for kind in ('images', 'masks'):
        (root / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(count):
        image = rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)
        (root / 'images' / f'{index}.jpg').write_bytes(image_png(image))
        mask = rng.integers(0, 19, (96, 96))
        (root / 'masks' / f'{index}.png').write_bytes(mask_png(mask, [[0, 0, 0]] * 19))
    for split in ('train', 'val', 'test'):
        (root / f'{split}.txt').write_text('\n'.join(map(str, range(count))))


@pytest.mark.parametrize('name', ['celebamask_64_fewshot', 'celebamask_64_fewshot_r18'])
def test_photographs_are_scored_at_the_size_of_the_model(name, tmp_path):
    faces_on_disk(tmp_path)
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    cfg.train_dataloader.dataset.update(num_images=2, repeat=1)
    for loader in (cfg.train_dataloader.dataset, cfg.test_dataloader):
        loader.dataset.data_root = str(tmp_path)
    with DefaultScope.overwrite_default_scope('mmseg'):
        train = DATASETS.build(cfg.train_dataloader.dataset)
        test = DATASETS.build(cfg.test_dataloader.dataset)
    assert (len(train), len(test)) == (2, 3)
    sample = test[0]['data_samples']
    assert sample.ori_shape == sample.img_shape == sample.gt_sem_seg.shape == (64, 64)
    assert train[0]['inputs'].shape == (3, 64, 64)


def test_more_labeled_images_than_there_are(tmp_path):
    faces_on_disk(tmp_path)
    cfg = Config.fromfile(CONFIGS / 'celebamask_64_fewshot.py')
    cfg.train_dataloader.dataset.dataset.data_root = str(tmp_path)
    few = pytest.raises(ValueError, match=r'num_images .* must be in \[1, 3\], got 20')
    with DefaultScope.overwrite_default_scope('mmseg'), few:
        DATASETS.build(cfg.train_dataloader.dataset)


def test_cnn_on_sampled_images(tmp_path):
    root = tmp_path / 'made'
    faces_on_disk(root)
    for path in (root / 'images').iterdir():
        path.rename(path.with_suffix('.png'))
    description = dict(classes=CELEBAMASK_CLASSES, palette=CELEBAMASK_PALETTE)
    (root / 'dataset.json').write_text(json.dumps(description))
    cfg = shrunk('toyfaces_64_dataset_ddpm', tmp_path)
    cfg.train_dataloader.dataset.data_root = str(root)
    assert run(cfg)[0]['mIoU'] >= 0


def test_official_values_of_dataset_ddpm():
    cfg = Config.fromfile(CONFIGS / 'ffhq_34_dataset_ddpm.py')
    assert cfg.model.backbone.depth == 101 and cfg.model.decode_head.type == 'ASPPHead'
    assert (cfg.train_dataloader.batch_size, cfg.train_cfg.max_epochs) == (8, 20)
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-3)
    with torch.device('meta'):
        assert build(cfg.model).decode_head.num_classes == 34
