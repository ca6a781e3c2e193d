# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Students for small images: shapes, sizes and what they share with their originals."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmpretrain.models import MobileNetV2

from mmdiffrep.registry import MODELS


def build(**cfg):
    return MODELS.build(cfg)


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


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
