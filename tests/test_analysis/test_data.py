# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.structures import BaseDataElement

from mmdiffrep.analysis.data import (
    ImageSource,
    check_classes,
)
from mmdiffrep.datasets.toyfaces import render_face
from mmdiffrep.measures import labels_of
from mmdiffrep.registry import TRANSFORMS
from mmdiffrep.utils.host_models import find_config

TRAIN, TEST = 0, 2  # collections of ToyFaces


def images(source, batch_size=100):
    return [image for batch in source.batches(batch_size) for image in batch.inputs]


def drawn(collection, index):
    """The face as a loader gives it: (3, H, W), BGR."""
    return np.ascontiguousarray(render_face(collection, index, 32).image[..., ::-1]).transpose(
        2, 0, 1
    )


def test_all_images_in_order(face_config):
    source = ImageSource(face_config(), 'test')
    assert len(source) == 8 and source.classes == ('closed', 'open')
    assert source.channel_order == 'bgr'
    for index, image in enumerate(images(source)):
        np.testing.assert_array_equal(image.numpy(), drawn(TEST, index))


def test_training_images_are_not_augmented(face_config):
    source = ImageSource(face_config(), 'train')
    np.testing.assert_array_equal(images(source)[0].numpy(), drawn(TRAIN, 0))


def test_augmentation_is_found_behind_wrappers(face_config):
    cfg = face_config()
    loader = cfg.train_dataloader
    loader.dataset = dict(type='RepeatDataset', times=2, dataset=loader.dataset)
    source = ImageSource(cfg, 'train')
    assert len(source) == 24
    np.testing.assert_array_equal(images(source)[12].numpy(), drawn(TRAIN, 0))


def test_without_evaluation_splits_the_pipeline_stays(face_config):
    cfg = face_config()
    cfg.pop('test_dataloader')
    np.testing.assert_array_equal(
        images(ImageSource(cfg, 'train'))[0].numpy(), drawn(TRAIN, 0)[..., ::-1]
    )


def test_some_images_are_a_fixed_draw(face_config):
    chosen = ImageSource(face_config(), 'train', num_images=5)
    assert chosen.indices == sorted(set(chosen.indices)) and len(chosen) == 5
    assert chosen.indices == ImageSource(face_config(), 'train', num_images=5).indices
    assert chosen.indices != ImageSource(face_config(), 'train', num_images=5, seed=1).indices
    assert chosen.indices != list(range(5)), 'the first ones could all be of one class'


@pytest.mark.parametrize(
    ('batch_size', 'sizes'), [(3, [3, 3, 2]), (8, [8]), (99, [8]), (7, [4, 4])]
)
def test_batches_are_nearly_equal(face_config, batch_size, sizes):
    source = ImageSource(face_config(), 'test')
    assert [len(batch.inputs) for batch in source.batches(batch_size)] == sizes


def test_labels_are_those_of_the_faces(face_config):
    (batch,) = ImageSource(face_config(), 'test').batches(8)
    expected = [render_face(TEST, index, 32).attributes['mouth'] for index in range(8)]
    assert labels_of(batch.data_samples).tolist() == expected


def test_empty_classes_are_named():
    labels = torch.tensor([0, 0, 2])
    check_classes(torch.tensor([1, 0]), ['a', 'b'], 'train split')
    with pytest.raises(ValueError, match=r"class 'b', 'd' among the 3 images of the train split"):
        check_classes(labels, ['a', 'b', 'c', 'd'], 'train split')


def test_data_sets_without_labels(face_config):
    (batch,) = ImageSource(face_config(task='image', attribute=None), 'test').batches(8)
    with pytest.raises(ValueError, match='no class labels'):
        labels_of(batch.data_samples)
    several = BaseDataElement(gt_label=torch.tensor([0, 1]))
    with pytest.raises(ValueError, match='several labels'):
        labels_of([several])


def test_unknown_channel_order_has_to_be_given(face_config):
    cfg = face_config()
    cfg.data_preprocessor.to_rgb = False
    kind = type('SomeColorStep', (BaseTransform,), dict(transform=lambda self, results: results))
    TRANSFORMS.register_module(module=kind, force=True)
    for split in ('train', 'test'):
        cfg[f'{split}_dataloader'].dataset.pipeline.insert(1, dict(type='mmdiffrep.SomeColorStep'))
    with pytest.raises(ValueError, match="is unknown: .* give channel_order='bgr' or 'rgb'"):
        ImageSource(cfg)
    assert ImageSource(cfg, channel_order='rgb').channel_order == 'rgb'


def test_configs_are_found_by_name(face_config, tmp_path):
    ours = find_config(
        'repfusion/toyfaces_r18_cls_scratch.py', {'test_dataloader.dataset.num_images': 3}
    )
    assert len(ImageSource(ours)) == 3
    face_config().dump(tmp_path / 'own.py')
    assert len(ImageSource(find_config(str(tmp_path / 'own.py')))) == 8
    host = find_config('mmpretrain::_base_/datasets/cifar10_bs16.py')
    assert host.default_scope == 'mmpretrain' and host.test_dataloader.dataset.type == 'CIFAR10'
    with pytest.raises(FileNotFoundError, match='Did you mean'):
        find_config('repfusion/toyfaces_r18_cls_scrach.py')


def test_bad_input(face_config):
    cfg = face_config()
    with pytest.raises(ValueError, match=r'num_images of .* must be in \[1, 8\], got 9'):
        ImageSource(cfg, 'test', num_images=9)
    with pytest.raises(ValueError, match=r'num_images of .* must be in \[1, 8\], got 0'):
        ImageSource(cfg, 'test', num_images=0)
    with pytest.raises(ValueError, match=r"no 'val' split; it has \['train', 'test'\]"):
        ImageSource(cfg, 'val')
    with pytest.raises(ValueError, match="channel_order must be one of .*, got 'gbr'"):
        ImageSource(cfg, channel_order='gbr')
    with pytest.raises(ValueError, match='batch_size must be at least 1'):
        next(ImageSource(cfg).batches(0))
    with pytest.raises(ValueError, match='no default_scope'):
        ImageSource(Config(dict(test_dataloader=cfg.test_dataloader.to_dict())))
    unpacked = face_config(pipeline=[dict(type='mmdiffrep.LoadToyFace')])
    with pytest.raises(ValueError, match='must end in a Pack'):
        next(ImageSource(unpacked).batches(2))
