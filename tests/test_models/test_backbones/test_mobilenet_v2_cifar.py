# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.registry import DefaultScope
from mmpretrain.models import MobileNetV2

from mmdiffrep.registry import MODELS


def build(**cfg):
    return MODELS.build(cfg)


@pytest.mark.parametrize('size', [32, 64])
def test_mobilenet_v2_keeps_an_eighth_of_the_image(size):
    model = build(type='mmdiffrep.MobileNetV2CIFAR')
    model.eval()
    (out,) = model(torch.zeros(1, 3, size, size))
    assert out.shape == (1, 1280, size // 8, size // 8)


def test_mobilenet_v2_differs_from_mmpretrains_in_two_strides_alone():
    ours, theirs = build(type='mmdiffrep.MobileNetV2CIFAR'), MobileNetV2()
    theirs.load_state_dict(ours.state_dict())
    strides = [
        [module.stride for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
        for model in (ours, theirs)
    ]
    assert sum(a != b for a, b in zip(*strides)) == 2


def test_mobilenet_v2_takes_a_checkpoint_as_any_student(tmp_path):
    first = build(type='mmdiffrep.MobileNetV2CIFAR')
    path = tmp_path / 'distilled.pth'
    torch.save({f'backbone.{k}': v for k, v in first.state_dict().items()}, path)
    start = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = build(
            type='ImageClassifier',
            backbone=dict(type='mmdiffrep.MobileNetV2CIFAR', init_cfg=start),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=10, in_channels=1280),
        )
    model.init_weights()
    for name, value in first.state_dict().items():
        assert torch.equal(value, model.backbone.state_dict()[name]), name
