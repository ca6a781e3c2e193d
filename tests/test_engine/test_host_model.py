# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel, ImgDataPreprocessor
from torch import nn

from mmdiffrep.engine.host_model import normalisation_of, reward_of, student_channels
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import tiny_segmentor


class Empty(BaseModel):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        raise ValueError('224 px only')


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


def test_reward_follows_the_head():
    segmentor = MODELS.build(tiny_segmentor(num_classes=4))
    assert reward_of(segmentor) == dict(
        type='mmdiffrep.SegmentationReward', num_classes=4, ignore_index=255
    )
    model = nn.Module()
    model.head = nn.Module()
    model.head.num_classes = 10
    assert reward_of(model) == dict(type='mmdiffrep.ClassificationReward', num_classes=10)
    model.head = nn.Module()
    model.head.out_channels = 98
    assert reward_of(model) == dict(type='mmdiffrep.HeatmapReward', num_keypoints=98)
    with pytest.raises(TypeError, match='no reward is known for Linear'):
        reward_of(nn.Linear(1, 1))


def test_channels_are_found_without_a_trace():
    model = MODELS.build(tiny_segmentor(norm='BN')).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    assert student_channels(model, ['backbone[0]', 'backbone.layer4']) == (4, 32)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(random_state, torch.get_rng_state())
    assert model.training and model.backbone.layer4.training
    assert not any(module._forward_hooks for module in model.modules())


def test_failed_pass_asks_for_the_channels():
    model = Empty()
    model.layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match='224 px only.*student_channels'):
        student_channels(model, ['layer'])
