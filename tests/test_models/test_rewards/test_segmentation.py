# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import BaseDataElement, PixelData
from torch.nn import functional as F

from mmdiffrep.models.rewards import SegmentationReward

FEATURE = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))


def seg_samples(labels):
    return [BaseDataElement(gt_sem_seg=PixelData(data=label[None])) for label in labels]


def test_segmentation_is_mean_cross_entropy_of_the_valid_pixels():
    reward = SegmentationReward(8, num_classes=5)
    labels = torch.randint(0, 5, (2, 8, 8))
    labels[0, :4] = 255
    logits = F.interpolate(reward.decoder(FEATURE), size=(8, 8), mode='bilinear')
    expected = torch.stack(
        [F.cross_entropy(logits[i : i + 1], labels[i : i + 1], ignore_index=255) for i in (0, 1)]
    )
    torch.testing.assert_close(reward(FEATURE, seg_samples(labels)).loss, expected)


def test_image_without_labels_counts_zero_and_stays_finite():
    reward = SegmentationReward(8, num_classes=5)
    labels = torch.full((2, 8, 8), 255)
    labels[1] = 0
    loss = reward(FEATURE, seg_samples(labels)).loss
    assert loss[0] == 0 and loss[1] > 0
    loss.mean().backward()
    assert all(p.grad.isfinite().all() for p in reward.parameters())


def test_labels_out_of_range_are_listed():
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[1, 0, 0], labels[1, 2, 2] = 18, 40
    with pytest.raises(ValueError, match=r'image 1 .* \[18, 40\] .*, expected 0 to 17 or 255'):
        SegmentationReward(8, num_classes=18)(FEATURE, seg_samples(labels))
