# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from torch.nn import functional as F

from mmdiffrep.models.rewards import HeatmapReward

FEATURE = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))


def test_heatmap_error_weighs_keypoints():
    reward = HeatmapReward(8, num_keypoints=3)
    target = torch.rand(2, 3, 16, 16)
    weights = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    samples = [
        BaseDataElement(
            gt_fields=PixelData(heatmaps=target[i]),
            gt_instance_labels=InstanceData(keypoint_weights=weights[i : i + 1]),
        )
        for i in (0, 1)
    ]
    heatmaps = F.interpolate(reward.decoder(FEATURE), size=(16, 16), mode='bilinear')
    error = (heatmaps - target).square().sum(dim=(2, 3))[0]
    torch.testing.assert_close(
        reward(FEATURE, samples).loss, torch.stack([(error[0] + error[2]) / 2, torch.tensor(0.0)])
    )
    with pytest.raises(ValueError, match='heatmaps must be 4, got 3'):
        HeatmapReward(8, num_keypoints=4)(FEATURE, samples)


def test_simcc_targets_are_refused_by_name():
    labels = InstanceData(keypoint_x_labels=torch.rand(1, 3, 32), keypoint_weights=torch.ones(1, 3))
    samples = [BaseDataElement(gt_instance_labels=labels) for _ in range(2)]
    with pytest.raises(ValueError, match='keypoint_x_labels.*SimCC'):
        HeatmapReward(8, num_keypoints=3)(FEATURE, samples)
