# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.models.encoders import is_encoder_name


@pytest.mark.parametrize(
    'name', ['timm:resnet18', 'torchvision:vgg11', 'transformers:a/b:c', 'python:a.b:c']
)
def test_names_with_a_library(name):
    assert is_encoder_name(name)


@pytest.mark.parametrize(
    'name',
    ['timm', 'resnet18', 'mmdiffrep://toyfaces_ddpm_64', 'Timm:resnet18', 'a:timm:b', 3, None],
)
def test_names_of_diffusion_models_and_of_nothing(name):
    assert not is_encoder_name(name)
