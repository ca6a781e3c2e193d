# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmdiffrep.models.necks import Hyperfeatures


class OfficialBottleneck(nn.Module):
    """Detectron2's block as diffusion_hyperfeatures uses it, written down from its code."""

    def __init__(self, in_channels, out_channels, bottleneck_channels, groups):
        super().__init__()

        def conv(before, after, kernel):
            layer = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)
            layer.norm = nn.GroupNorm(groups, after)
            return layer

        self.conv1 = conv(in_channels, bottleneck_channels, 1)
        self.conv2 = conv(bottleneck_channels, bottleneck_channels, 3)
        self.conv3 = conv(bottleneck_channels, out_channels, 1)
        self.shortcut = conv(in_channels, out_channels, 1) if in_channels != out_channels else None

    def forward(self, x):
        def apply(layer, value):
            return layer.norm(F.conv2d(value, layer.weight, padding=layer.padding))

        out = F.relu(apply(self.conv1, x))
        out = F.relu(apply(self.conv2, out))
        out = apply(self.conv3, out)
        out = out + (x if self.shortcut is None else apply(self.shortcut, x))
        return F.relu(out)


class OfficialAggregation(nn.Module):
    def __init__(self, feature_dims, projection_dim, groups, timesteps):
        super().__init__()
        self.feature_dims = feature_dims
        self.bottleneck_layers = nn.ModuleList(
            nn.Sequential(OfficialBottleneck(dim, projection_dim, projection_dim // 4, groups))
            for dim in feature_dims
        )
        self.mixing_weights = nn.Parameter(torch.ones(len(feature_dims) * timesteps))

    def forward(self, batch):
        output, start = None, 0
        mixing_weights = torch.nn.functional.softmax(self.mixing_weights, dim=0)
        for i in range(len(mixing_weights)):
            end = start + self.feature_dims[i % len(self.feature_dims)]
            feature = self.bottleneck_layers[i % len(self.feature_dims)](batch[:, start:end])
            start = end
            feature = mixing_weights[i] * feature
            output = feature if output is None else output + feature
        return output


def test_equal_to_the_official_form_with_its_weights():
    official = OfficialAggregation([6, 16], projection_dim=16, groups=2, timesteps=3)
    for parameter in official.parameters():
        nn.init.normal_(parameter)
    neck = Hyperfeatures([6, 16], num_timesteps=3, out_channels=16, num_groups=2)
    neck.load_state_dict(official.state_dict())
    maps = [torch.randn(2, channels, 8, 8) for _ in range(3) for channels in (6, 16)]
    torch.testing.assert_close(neck(maps), official(torch.cat(maps, dim=1)), rtol=1e-5, atol=1e-6)


def test_maps_are_resized_to_the_largest():
    neck = Hyperfeatures([4, 6], out_channels=8, num_groups=2)
    small, large = torch.randn(1, 4, 4, 4), torch.randn(1, 6, 8, 8)
    resized = F.interpolate(small, size=(8, 8), mode='bilinear', align_corners=False)
    torch.testing.assert_close(neck([small, large]), neck([resized, large]))


def test_bad_numbers():
    with pytest.raises(ValueError, match='in_channels must have at least one'):
        Hyperfeatures([])
    with pytest.raises(ValueError, match='multiple of 128'):
        Hyperfeatures([4], out_channels=100)
    with pytest.raises(ValueError, match='one for each of the mixing weights: 2, got 1'):
        Hyperfeatures([4], 2, 8, 2)([torch.randn(1, 4, 2, 2)])
