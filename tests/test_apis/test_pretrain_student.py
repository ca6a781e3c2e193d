# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Which backbone is trained, and which of its layers are distilled."""

import pytest

from mmdiffrep.apis.pretrain_student import find_student


def test_a_network_of_torchvision():
    student = find_student('torchvision:resnet18', 64)
    assert student.backbone == dict(type='mmdiffrep.LibraryBackbone', name='torchvision:resnet18')
    assert student.layers == [f'backbone[{index}]' for index in range(4)]
    assert student.strides == [4, 8, 16, 32] and not student.is_transformer
    assert student.mean == [123.675, 116.28, 103.53]
    assert round(student.parameters / 1e6, 1) == 11.2


def test_a_name_of_mmpretrain_gives_its_stages():
    student = find_student('resnet18_8xb16_cifar10', 32)
    assert student.backbone['type'] == 'mmpretrain.ResNet_CIFAR'
    assert (
        student.layers
        == ['backbone.layer2', 'backbone.layer3', 'backbone.layer4'][-len(student.layers) :]
    )
    assert student.mean == pytest.approx([125.307, 122.961, 113.8575])


def test_a_detector_is_thawed():
    student = find_student('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', 64)
    assert student.backbone['type'] == 'mmdet.ResNet'
    assert student.backbone['frozen_stages'] == -1 and student.backbone['norm_eval'] is False
    assert 'init_cfg' not in student.backbone
    assert student.layers == [f'backbone[{index}]' for index in range(4)]


def test_what_is_no_student():
    with pytest.raises(FileNotFoundError, match='Did you mean resnet18_8xb32_in1k'):
        find_student('resnet18_8xb32_in1kk', 64)
    with pytest.raises(ValueError, match='Did you mean resnet'):
        find_student('torchvision:resnet19', 64)
