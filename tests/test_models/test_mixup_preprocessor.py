# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import Config

from mmdiffrep.models.mixup_preprocessor import MixupPreprocessor
from mmdiffrep.models.teachers import normalization_of
from mmdiffrep.registry import MODELS

SETTINGS = dict(mean=[10.0, 20.0, 30.0], std=[2.0, 4.0, 8.0], bgr_to_rgb=True)


def batch(size):
    return dict(inputs=[torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8) for _ in range(size)])


def test_every_image_is_mixed_with_the_one_before():
    data = batch(4)
    plain = MixupPreprocessor(**SETTINGS)(data, training=False)['inputs']
    mixed = MixupPreprocessor(**SETTINGS)(data, training=True)['inputs']
    before = plain.roll(1, dims=0)
    for index in range(4):
        # One share for all pixels, by least squares over those of the image.
        difference = (plain - before)[index]
        share = ((mixed - before)[index] * difference).sum() / difference.square().sum()
        assert 0 < share < 1
        torch.testing.assert_close(mixed[index], before[index] + share * difference)


def test_a_large_alpha_mixes_evenly():
    data = batch(2)
    preprocessor = MixupPreprocessor(alpha=1e6, **SETTINGS)
    plain = preprocessor(data, training=False)['inputs']
    mixed = preprocessor(data, training=True)['inputs']
    torch.testing.assert_close(mixed[0], plain.mean(0), rtol=0, atol=0.3)


def test_the_teacher_can_undo_the_normalization():
    built = MODELS.build(dict(type='mmdiffrep.MixupPreprocessor', **SETTINGS))
    model = torch.nn.Module()
    model.data_preprocessor = built
    pipeline = [dict(type='LoadImageFromFile')]
    cfg = Config(
        dict(
            model=dict(data_preprocessor=dict(type='mmdiffrep.MixupPreprocessor', **SETTINGS)),
            train_dataloader=dict(dataset=dict(type='ImageListDataset', pipeline=pipeline)),
        )
    )
    found = normalization_of(model, cfg)
    assert list(found['mean']) == SETTINGS['mean'] and list(found['std']) == SETTINGS['std']
    assert found['channel_order'] == 'rgb'


def test_bad_alpha():
    with pytest.raises(ValueError, match='alpha must be positive, got 0'):
        MixupPreprocessor(alpha=0)
