# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Each data set config gives batches that its host's models take."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_' / 'datasets'
SPLITS = ('train', 'val', 'test')


def load(name, scope, **options):
    """Return the data loader and the first batch of each split."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    for split in SPLITS:
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False, batch_size=2)
        loader.dataset.update(options)
    with DefaultScope.overwrite_default_scope(scope):
        loaders = {split: Runner.build_dataloader(cfg[f'{split}_dataloader']) for split in SPLITS}
        return loaders, {split: next(iter(loader)) for split, loader in loaders.items()}


def shapes(batch):
    return {tuple(image.shape) for image in batch['inputs']}


@pytest.mark.parametrize(
    ('name', 'train_size', 'test_size'), [('celebamask', 448, 512), ('celebamask_64', 64, 64)]
)
def test_celebamask(celebamask, name, train_size, test_size):
    _, batches = load(name, 'mmseg', data_root=str(celebamask), indices=2)
    for image in batches['train']['inputs']:
        assert max(image.shape[1:]) <= train_size
    for split in ('val', 'test'):
        assert shapes(batches[split]) == {(3, test_size, test_size)}
        for sample in batches[split]['data_samples']:
            assert Path(sample.img_path).stem.startswith(split)
            # The metric compares at the size of the files.
            assert sample.gt_sem_seg.data.shape == (1, 512, 512)
    train = batches['train']['data_samples'][0]
    assert train.flip_direction in (None, 'horizontal')
    assert train.gt_sem_seg.data.max() <= 18


def test_official_values_of_celebamask():
    cfg = Config.fromfile(CONFIGS / 'celebamask.py')
    steps = {step['type']: step for step in cfg.train_dataloader.dataset.pipeline}
    assert steps['RandomResize']['scale'] == (512, 512)
    assert steps['RandomResize']['ratio_range'] == (0.5, 2.0)
    assert steps['RandomCrop']['crop_size'] == (448, 448)
    assert steps['RandomCrop']['cat_max_ratio'] == 0.75
    assert 'PhotoMetricDistortion' in steps
    assert cfg.train_dataloader.batch_size == 8
    assert cfg.val_dataloader.dataset.ann_file == 'val.txt'
    assert cfg.test_dataloader.dataset.ann_file == 'test.txt'


def test_toyfaces_seg():
    loaders, batches = load('toyfaces_seg', 'mmseg', indices=2)
    for batch in batches.values():
        assert shapes(batch) == {(3, 64, 64)}
        for sample in batch['data_samples']:
            assert sample.gt_sem_seg.data.shape == (1, 64, 64)
    first = {split: loader.dataset[0]['data_samples'].img_path for split, loader in loaders.items()}
    assert len(set(first.values())) == 3, 'splits must not share faces'


def test_toyfaces_pose():
    loaders, batches = load('toyfaces_pose', 'mmpose', indices=2)
    for batch in batches.values():
        assert shapes(batch) == {(3, 64, 64)}
        for sample in batch['data_samples']:
            assert sample.gt_instances.keypoints.shape == (1, 98, 2)
    assert batches['train']['data_samples'][0].gt_fields.heatmaps.shape == (98, 16, 16)
    assert loaders['test'].dataset.metainfo['num_keypoints'] == 98


def test_toyfaces_cls():
    loaders, batches = load('toyfaces_cls', 'mmpretrain', indices=2)
    classes = loaders['train'].dataset.metainfo['classes']
    cfg = Config.fromfile(CONFIGS / 'toyfaces_cls.py')
    assert len(classes) == cfg.data_preprocessor.num_classes
    for batch in batches.values():
        assert shapes(batch) == {(3, 64, 64)}
        for sample in batch['data_samples']:
            assert 0 <= sample.gt_label.item() < len(classes)


@pytest.mark.parametrize('name', ['toyfaces_seg', 'toyfaces_pose', 'toyfaces_cls', 'celebamask_64'])
def test_few_labeled_images_by_default(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    assert cfg.train_dataloader.dataset.indices == cfg.num_labeled < 1000
    assert 'indices' not in cfg.test_dataloader.dataset
