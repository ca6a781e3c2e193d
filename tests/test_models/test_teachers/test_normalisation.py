# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config
from mmengine.model import BaseModel, ImgDataPreprocessor
from torch import nn

from mmdiffrep.models.teachers import normalisation_of
from mmdiffrep.registry import MODELS


class Empty(BaseModel):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        pass


@pytest.mark.parametrize(('key', 'order'), [('bgr_to_rgb', 'rgb'), ('rgb_to_bgr', 'bgr')])
def test_normalisation_is_read_from_the_preprocessor(key, order):
    settings = dict(type='ImgDataPreprocessor', mean=[1, 2, 3], std=[4, 5, 6], **{key: True})
    model = Empty(data_preprocessor=settings)
    assert isinstance(model.data_preprocessor, ImgDataPreprocessor)
    found = normalisation_of(model, Config(dict(model=dict(data_preprocessor=settings))))
    assert found == dict(mean=[1, 2, 3], std=[4, 5, 6], channel_order=order)


def test_mmpretrain_keeps_its_preprocessor_at_the_top_and_says_to_rgb():
    settings = dict(mean=[1, 2, 3], std=[4, 5, 6], to_rgb=True)
    model = MODELS.build(
        dict(
            type='mmpretrain.ImageClassifier',
            backbone=dict(type='mmpretrain.LeNet5', num_classes=-1),
            data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', **settings),
        )
    )
    found = normalisation_of(model, Config(dict(model=dict(), data_preprocessor=settings)))
    assert found == dict(mean=[1, 2, 3], std=[4, 5, 6], channel_order='rgb')


def test_model_without_preprocessor_is_named():
    with pytest.raises(TypeError, match=r'Linear has no data_preprocessor.*normalisation='):
        normalisation_of(nn.Linear(1, 1), Config(dict()))


def test_channel_order_is_not_guessed():
    settings = dict(type='ImgDataPreprocessor', mean=[1, 2, 3], std=[4, 5, 6], bgr_to_rgb=True)
    with pytest.raises(ValueError, match=r'channel order.*is unknown.*normalisation='):
        normalisation_of(Empty(data_preprocessor=settings), Config(dict()))


@pytest.mark.parametrize(
    ('dataset', 'to_rgb', 'order'),
    [
        (dict(type='CIFAR10'), False, 'rgb'),
        (dict(type='mmpretrain.CIFAR100'), True, 'bgr'),
        (dict(type='mmdiffrep.BalancedSubset', dataset=dict(type='CIFAR10')), False, 'rgb'),
        (dict(type='CustomDataset'), False, 'bgr'),
        (dict(type='CustomDataset'), True, 'rgb'),
    ],
)
def test_some_data_sets_are_rgb_as_they_come(dataset, to_rgb, order):
    settings = dict(type='ImgDataPreprocessor', mean=[1, 2, 3], std=[4, 5, 6])
    cfg = Config(
        dict(
            data_preprocessor=dict(mean=[1, 2, 3], std=[4, 5, 6], to_rgb=to_rgb),
            train_dataloader=dict(dataset=dataset),
        )
    )
    model = Empty(data_preprocessor=settings)
    assert normalisation_of(model, cfg)['channel_order'] == order
