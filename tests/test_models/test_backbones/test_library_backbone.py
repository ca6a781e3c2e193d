# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of torchvision and timm as backbones of any host."""

import pytest
import torch
import torchvision
from mmengine.registry import MODELS

from mmdiffrep.models.backbones import LibraryBackbone

SMALL = 'torchvision:shufflenet_v2_x0_5'


def test_stages_and_their_channels():
    backbone = LibraryBackbone('torchvision:resnet18')
    assert backbone.layers == ('layer1', 'layer2', 'layer3', 'layer4')
    assert backbone.out_channels == (64, 128, 256, 512)
    assert backbone.out_strides == (4, 8, 16, 32)
    maps = backbone(torch.randn(2, 3, 64, 64))
    assert [tuple(x.shape) for x in maps] == [
        (2, 64, 16, 16),
        (2, 128, 8, 8),
        (2, 256, 4, 4),
        (2, 512, 2, 2),
    ]


def test_maps_are_those_of_the_library():
    backbone = LibraryBackbone('torchvision:resnet18').eval()
    network = backbone.network
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        x = network.maxpool(network.relu(network.bn1(network.conv1(images))))
        expected = network.layer2(network.layer1(x))
        assert torch.equal(backbone(images)[1], expected)


def test_files_have_the_names_of_the_library(tmp_path):
    torch.manual_seed(0)
    model = torchvision.models.shufflenet_v2_x0_5()
    torch.save(model.state_dict(), tmp_path / 'a.pth')
    backbone = MODELS.build(
        dict(
            type='mmdiffrep.LibraryBackbone',
            name=SMALL,
            init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth')),
        )
    )
    backbone.init_weights()
    loaded, saved = backbone.network.state_dict(), model.state_dict()
    assert set(saved) - set(loaded) == {'fc.weight', 'fc.bias'}
    assert all(torch.equal(loaded[name], saved[name]) for name in loaded)
    again = LibraryBackbone(SMALL)
    again.load_state_dict(backbone.state_dict())  # its own names
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), loaded.values()))


def test_gradients_reach_the_first_layer():
    backbone = LibraryBackbone(SMALL)
    backbone(torch.randn(2, 3, 64, 64))[-1].sum().backward()
    assert backbone.network.conv1[0].weight.grad.abs().sum() > 0


def test_named_layers():
    backbone = LibraryBackbone('torchvision:resnet18', layers=['layer2.0', 'layer4'])
    assert backbone.out_channels == (128, 512) and backbone.out_strides == (8, 32)
    with pytest.raises(ValueError, match=r"no layers \['layer9'\]"):
        LibraryBackbone('torchvision:resnet18', layers=['layer9'])


@pytest.mark.parametrize(
    ('name', 'strides'),
    [
        ('convnext_atto', (4, 8, 16, 32)),
        ('efficientnet_b0', (4, 8, 16, 32)),
        ('vit_tiny_patch16_224', (16,)),
    ],
)
def test_timm(name, strides):
    pytest.importorskip('timm')
    backbone = LibraryBackbone(f'timm:{name}')
    assert backbone.out_strides == strides
    maps = backbone(torch.randn(1, 3, 64, 64))
    assert [x.shape[2] for x in maps] == [64 // stride for stride in strides]
    assert tuple(x.shape[1] for x in maps) == backbone.out_channels


def test_unknown_names_have_near_ones():
    with pytest.raises(ValueError, match='Did you mean resnet'):
        LibraryBackbone('torchvision:resnet19')
