# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch
from mmengine.registry import DefaultScope

from mmdiffrep.models.necks import PoolFlatten
from mmdiffrep.registry import MODELS


def test_official_linear_head():
    neck = PoolFlatten([1024])
    assert neck.out_channels == 4096
    maps = torch.randn(2, 1024, 16, 16)
    (vector,) = neck((maps,))
    cells = maps.view(2, 1024, 2, 8, 2, 8).mean(dim=(3, 5))
    torch.testing.assert_close(vector, cells.flatten(1))


def test_several_maps_are_joined_in_order():
    maps = [torch.full((1, c, 4, 4), float(i)) for i, c in enumerate((3, 2, 3, 2))]
    neck = PoolFlatten([3, 2], pool=1, num_timesteps=2)
    (vector,) = neck(maps)
    assert vector.tolist() == [[0, 0, 0, 1, 1, 2, 2, 2, 3, 3]]
    assert neck.out_channels == 10


def test_mlp_head_is_the_hosts():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        head = MODELS.build(
            dict(type='StackedLinearClsHead', num_classes=5, in_channels=16, mid_channels=[8, 7])
        )
    (vector,) = PoolFlatten([4])((torch.randn(2, 4, 4, 4),))
    linears = [layer.fc for layer in head.layers]
    expected = linears[2](linears[1](linears[0](vector).relu()).relu())
    torch.testing.assert_close(head((vector,)), expected)
