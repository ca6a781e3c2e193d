# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from urllib.error import URLError

import pytest
import torch
import torchvision

from mmdiffrep.models.encoders.torchvision_encoder import load_torchvision


@torch.no_grad()
def test_the_classifier_is_left_out_and_the_rest_is_torchvisions():
    loaded = load_torchvision('squeezenet1_1', False, {})
    images = torch.randn(1, 3, 64, 64)
    found = loaded.run(loaded.network.eval(), images)
    assert torch.equal(found, loaded.network.features(images).flatten(1))


def test_normalization_is_that_of_the_default_weights():
    loaded = load_torchvision('resnet18', False, {})
    preset = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    assert loaded.mean == tuple(255 * value for value in preset.mean)
    assert loaded.std == tuple(255 * value for value in preset.std)
    assert (loaded.patch, loaded.fixed_size, loaded.size) == (None, False, 224)
    assert loaded.source == 'torchvision:resnet18'


def test_a_vision_transformer_takes_its_own_size_only():
    with torch.device('meta'):
        loaded = load_torchvision('vit_b_32', False, dict(image_size=64))
    assert (loaded.patch, loaded.fixed_size, loaded.side_for(100)) == (32, True, 64)


def test_unknown_models_have_near_names():
    with pytest.raises(
        ValueError, match=r"torchvision has no model 'resnet_18'\. Did you mean res"
    ):
        load_torchvision('resnet_18', False, {})


def test_weights_that_cannot_be_downloaded_name_their_address(monkeypatch):
    def offline(*args, **options):
        raise URLError('no network')

    monkeypatch.setattr(torchvision.models, 'get_model', offline)
    with pytest.raises(
        OSError, match=r'torchvision:resnet18 .* from https://.*no network.*path as'
    ):
        load_torchvision('resnet18', True, {})
