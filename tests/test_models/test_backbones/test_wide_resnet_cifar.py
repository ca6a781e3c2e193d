# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.registry import MODELS


def build(**cfg):
    return MODELS.build(cfg)


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(('depth', 'widen_factor', 'million'), [(28, 2, 1.47), (16, 4, 2.75)])
def test_wide_resnet_has_the_size_of_the_paper(depth, widen_factor, million):
    """Table 2 of the paper gives 1.5 M for WRN-28-2 (as later papers count it) and 2.8 M."""
    model = build(type='mmdiffrep.WideResNetCIFAR', depth=depth, widen_factor=widen_factor)
    assert parameters(model) / 1e6 == pytest.approx(million, abs=0.01)


def test_wide_resnet_returns_its_stages():
    model = build(type='mmdiffrep.WideResNetCIFAR', depth=10, out_indices=(0, 1, 2)).eval()
    shapes = [tuple(stage.shape[1:]) for stage in model(torch.zeros(2, 3, 32, 32))]
    assert shapes == [(32, 32, 32), (64, 16, 16), (128, 8, 8)]


def test_wide_resnet_is_trained_by_every_parameter():
    model = build(type='mmdiffrep.WideResNetCIFAR', depth=10)
    model(torch.randn(2, 3, 32, 32))[0].square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    ('options', 'message'),
    [(dict(depth=27), r'6 n \+ 4.*27'), (dict(out_indices=(3,)), 'out_indices')],
)
def test_wide_resnet_names_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        build(type='mmdiffrep.WideResNetCIFAR', **options)
