# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config
from mmengine.model import BaseModel, ImgDataPreprocessor
from torch import nn

from mmdiffrep.models.teachers import check_normalisation, normalisation_of
from mmdiffrep.registry import MODELS


class Empty(BaseModel):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        pass


def read(dataset=None, **flags):
    settings = dict(type='ImgDataPreprocessor', mean=[1, 2, 3], std=[4, 5, 6], **flags)
    model = Empty(data_preprocessor=settings)
    assert isinstance(model.data_preprocessor, ImgDataPreprocessor)
    loader = dict(train_dataloader=dict(dataset=dataset)) if dataset else {}
    return normalisation_of(model, Config(dict(model=dict(data_preprocessor=settings), **loader)))


def test_normalisation_is_read_from_the_preprocessor():
    assert read(bgr_to_rgb=True) == dict(mean=[1, 2, 3], std=[4, 5, 6], channel_order='rgb')
    assert read() == dict(mean=[1, 2, 3], std=[4, 5, 6], channel_order='bgr')


def test_rgb_to_bgr_is_believed_of_images_that_are_rgb():
    assert read(dict(type='CIFAR10'), rgb_to_bgr=True)['channel_order'] == 'bgr'
    with pytest.raises(ValueError, match=r"come as RGB, but those of \['CustomDataset'\]"):
        read(dict(type='CustomDataset'), rgb_to_bgr=True)


def test_data_sets_in_a_row_have_to_agree():
    both = [dict(type='CIFAR10'), dict(type='CIFAR100')]
    assert read(dict(type='ConcatDataset', datasets=both))['channel_order'] == 'rgb'
    mixed = [dict(type='CIFAR10'), dict(type='CustomDataset')]
    with pytest.raises(ValueError, match=r"mixes \['CIFAR10'\].*with \['CustomDataset'\]"):
        read(dict(type='ConcatDataset', datasets=mixed))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(mean=[0] * 3), r"needs 'channel_order'.*\['mean'\]"),
        (dict(men=[0] * 3, channel_order='rgb'), 'men'),
        (dict(channel_order='BGR'), "'rgb' or 'bgr', got 'BGR'"),
    ],
)
def test_what_is_given_instead_is_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        check_normalisation(settings)


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
