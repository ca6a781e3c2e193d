# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config
from mmengine.model import BaseModel, ImgDataPreprocessor
from torch import nn

from mmdiffrep.models.teachers import check_normalization, normalization_of
from mmdiffrep.registry import MODELS


class Empty(BaseModel):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        pass


def read(dataset=None, **flags):
    settings = dict(type='ImgDataPreprocessor', mean=[1, 2, 3], std=[4, 5, 6], **flags)
    model = Empty(data_preprocessor=settings)
    assert isinstance(model.data_preprocessor, ImgDataPreprocessor)
    loader = dict(train_dataloader=dict(dataset=dataset)) if dataset else {}
    return normalization_of(model, Config(dict(model=dict(data_preprocessor=settings), **loader)))


def test_normalization_is_read_from_the_preprocessor():
    assert read(bgr_to_rgb=True) == dict(mean=[1, 2, 3], std=[4, 5, 6], channel_order='rgb')
    files = dict(type='CustomDataset', pipeline=[dict(type='LoadImageFromFile')])
    assert read(files) == dict(mean=[1, 2, 3], std=[4, 5, 6], channel_order='bgr')


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(mean=[0] * 3), r"needs 'channel_order'.*\{'mean': "),
        (dict(men=[0] * 3, channel_order='rgb'), 'men'),
        (dict(channel_order='BGR'), "'rgb', 'bgr', got 'BGR'"),
        (dict(mean=[128.0] * 2, std=[128.0] * 2, channel_order='rgb'), 'Give 1 or 3 numbers'),
        (dict(mean=[128.0] * 3, channel_order='rgb'), 'both or neither'),
        (dict(mean=[128.0] * 3, std=[0.0] * 3, channel_order='rgb'), 'std must be positive, got 0'),
    ],
)
def test_what_is_given_instead_is_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        check_normalization(settings)


def test_mmpretrain_keeps_its_preprocessor_at_the_top_and_says_to_rgb():
    settings = dict(mean=[1, 2, 3], std=[4, 5, 6], to_rgb=True)
    model = MODELS.build(
        dict(
            type='mmpretrain.ImageClassifier',
            backbone=dict(type='mmpretrain.LeNet5', num_classes=-1),
            data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', **settings),
        )
    )
    found = normalization_of(model, Config(dict(model=dict(), data_preprocessor=settings)))
    assert found == dict(mean=[1, 2, 3], std=[4, 5, 6], channel_order='rgb')


def test_model_without_preprocessor_is_named():
    with pytest.raises(TypeError, match=r'Linear has no data_preprocessor.*normalization='):
        normalization_of(nn.Linear(1, 1), Config(dict()))


def test_cifar_is_rgb_as_it_comes():
    assert read(dict(type='CIFAR10'))['channel_order'] == 'rgb'
    assert read(dict(type='CIFAR10'), bgr_to_rgb=True)['channel_order'] == 'bgr'


def test_channel_order_is_not_guessed():
    with pytest.raises(ValueError, match=r'channel order.*is unknown.*normalization='):
        read(dict(type='SomeDataset', pipeline=[]))
    settings = dict(type='ImgDataPreprocessor', mean=[1, 2, 3], std=[4, 5, 6], bgr_to_rgb=True)
    with pytest.raises(ValueError, match=r'channel order.*is unknown.*normalization='):
        normalization_of(Empty(data_preprocessor=settings), Config(dict()))
