# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.backbones import StoredFeatures, StoredFeaturesPreprocessor


@pytest.mark.parametrize('stacked', [True, False])
def test_gives_float_maps_in_the_order_given(stacked):
    maps = {(9, 'mid'): torch.rand(2, 4, 1, 1).half(), (3, 'dec.1'): torch.rand(2, 3, 8, 8).half()}
    inputs = maps if stacked else {key: list(one) for key, one in maps.items()}
    outputs = StoredFeatures()(inputs)
    assert isinstance(outputs, tuple)
    for output, expected in zip(outputs, maps.values()):
        assert output.dtype == torch.float32 and torch.equal(output, expected.float())


def test_preprocessor_keeps_the_order_and_the_numbers():
    maps = {(9, 'mid'): [torch.rand(4, 1, 1)], (3, 'mid'): [torch.rand(4, 1, 1)]}
    preprocessor = StoredFeaturesPreprocessor(batch_augments=None)
    moved = preprocessor(dict(inputs=maps, data_samples=[None]), training=True)
    assert list(moved['inputs']) == list(maps)
    assert torch.equal(moved['inputs'][9, 'mid'][0], maps[9, 'mid'][0])


def test_mixing_images_is_refused():
    with pytest.raises(ValueError, match=r'cannot be augmented .*Mixup.* train_cfg'):
        StoredFeaturesPreprocessor(batch_augments=dict(augments=dict(type='Mixup')))


def test_images_are_refused():
    with pytest.raises(ValueError, match='features, not Tensor: wrap the data set'):
        StoredFeatures()(torch.rand(2, 3, 8, 8))
