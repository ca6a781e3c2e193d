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
