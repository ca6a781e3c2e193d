# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.algorithms import DistillationStudent

INPUTS = torch.zeros(2, 1, 32, 32)


@pytest.fixture
def student():
    return DistillationStudent(
        backbone=dict(type='mmpretrain.LeNet5', num_classes=-1),
        data_preprocessor=dict(type='ImgDataPreprocessor', mean=[127.5], std=[127.5]),
    )


def test_it_has_features_and_no_loss(student):
    assert student(INPUTS, mode='loss') == {}
    features = student(INPUTS, mode='tensor')
    assert isinstance(features, tuple) and features[-1].shape[:2] == (2, 120)
    assert all(name.startswith('backbone.') for name in student.state_dict())


def test_it_cannot_predict(student):
    with pytest.raises(ValueError, match="'predict'.*leave out val_cfg and test_cfg"):
        student(INPUTS, mode='predict')


def test_a_neck_takes_the_outputs_of_the_backbone():
    student = DistillationStudent(
        backbone=dict(
            type='mmpretrain.ResNet', depth=18, base_channels=4, stem_channels=4, out_indices=(2, 3)
        ),
        data_preprocessor=dict(type='ImgDataPreprocessor'),
        neck=dict(type='mmpose.FeatureMapProcessor', concat=True),
    )
    (feature,) = student(torch.zeros(2, 3, 32, 32), mode='tensor')
    assert feature.shape == (2, 48, 2, 2)
    assert student(torch.zeros(2, 3, 32, 32), mode='loss') == {}
