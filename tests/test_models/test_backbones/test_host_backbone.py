# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmdiffrep.models.backbones import HostBackbone
from mmdiffrep.registry import MODELS

RESNET = dict(type='mmpretrain.ResNet', depth=18, base_channels=4, stem_channels=4)
VIT = dict(
    type='mmpretrain.VisionTransformer',
    arch=dict(embed_dims=8, num_layers=4, num_heads=2, feedforward_channels=8),
    img_size=32,
    patch_size=8,
    out_indices=[2, 3],
    out_type='featmap',
    final_norm=False,
)


@MODELS.register_module(force=True)
class WithUnusedLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 2, 1), nn.Linear(2, 2)

    def forward(self, x):
        return self.conv(x)


def test_channels_and_strides_are_known():
    backbone = HostBackbone(dict(RESNET, out_indices=(0, 1, 2, 3), strides=(1, 2, 2, 2)))
    assert backbone.out_channels == (4, 8, 16, 32)
    assert backbone.out_strides == (4, 8, 16, 32)
    maps = backbone.eval()(torch.rand(2, 3, 96, 96))
    assert [tuple(one.shape) for one in maps] == [
        (2, c, 96 // s, 96 // s) for c, s in zip(backbone.out_channels, backbone.out_strides)
    ]


def test_finding_them_leaves_no_trace():
    backbone = HostBackbone(RESNET)
    assert backbone.backbone.training
    assert torch.equal(backbone.backbone.bn1.running_mean, torch.zeros(4))


def test_patches_of_a_vision_transformer_at_its_own_size():
    backbone = HostBackbone(VIT, size=32).eval()
    assert (backbone.out_channels, backbone.out_strides) == ((8, 8), (8, 8))
    images = torch.rand(1, 3, 64, 64)
    small = F.interpolate(images, size=(32, 32), mode='bilinear', antialias=True)
    expected = backbone.backbone(small)
    assert all(torch.equal(a, b) for a, b in zip(backbone(images), expected))


def test_layers_are_read_before_and_behind():
    backbone = HostBackbone(RESNET, layers=['layer2.1@in', 'layer2.0', 'layer1']).eval()
    first, second, third = backbone(torch.rand(1, 3, 64, 64))
    assert torch.equal(first, second), 'what a block is given is what the one before it gives'
    assert backbone.out_channels == (8, 8, 4) and third.shape[1] == 4
    assert not backbone.backbone.layer1._forward_hooks


def test_unknown_layer():
    with pytest.raises(
        ValueError, match=r"ResNet has no layer 'layer9'. Did you mean one of .*layer"
    ):
        HostBackbone(RESNET, layers=['layer9'])


def test_layer_that_is_not_run():
    with pytest.raises(RuntimeError, match="backbone layer 'fc' ran 0 times"):
        HostBackbone(dict(type='mmdiffrep.WithUnusedLayer'), layers=['conv', 'fc'])


def test_an_activation_that_is_overwritten_is_not_read():
    with pytest.raises(RuntimeError, match=r"'layer1.0.bn1' was changed in place"):
        HostBackbone(RESNET, layers=['layer1.0.bn1'])


def test_a_copy_reads_its_own_layers():
    backbone = HostBackbone(RESNET, layers=['layer1']).eval()
    twin = copy.deepcopy(backbone)
    with torch.no_grad():
        twin.backbone.conv1.weight.zero_()
    images = torch.rand(1, 3, 64, 64)
    assert not torch.equal(twin(images)[0], backbone(images)[0])


def test_vectors_are_no_maps():
    with pytest.raises(ValueError, match="out_type='featmap'"):
        HostBackbone(dict(VIT, out_type='cls_token'), size=32)


def test_size():
    with pytest.raises(ValueError, match='size must be at least 1'):
        HostBackbone(RESNET, size=0)


def test_a_changed_aspect_ratio_is_said_once(caplog):
    backbone = HostBackbone(RESNET, size=32).eval()
    with caplog.at_level('WARNING', 'mmdiffrep'):
        backbone(torch.zeros(1, 3, 64, 64))
        assert not caplog.records
        backbone(torch.zeros(1, 3, 32, 64))
        backbone(torch.zeros(1, 3, 32, 64))
    assert len(caplog.records) == 1
    assert 'Images of 32 x 64 are resized to 32 x 32 for the mmpretrain.ResNet' in caplog.text
