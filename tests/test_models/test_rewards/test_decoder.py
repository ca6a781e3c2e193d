# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What all rewards that train a decoder have in common."""

import pytest
import torch
from mmengine.structures import BaseDataElement, PixelData

from mmdiffrep.models.rewards import ClassificationReward, SegmentationReward

FEATURE = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))


def seg_samples(labels):
    return [BaseDataElement(gt_sem_seg=PixelData(data=label[None])) for label in labels]


def test_classes_without_images_or_pixels_stay_finite():
    one = [BaseDataElement(gt_label=torch.tensor([1])) for _ in range(2)]
    pixels = seg_samples(torch.full((2, 8, 8), 3))
    for reward, samples in (
        (ClassificationReward(8, num_classes=200), one),
        (SegmentationReward(8, num_classes=19), pixels),
    ):
        loss = reward(FEATURE, samples).loss
        loss.mean().backward()
        assert loss.isfinite().all() and (loss > 0).all()
        assert all(p.grad.isfinite().all() for p in reward.parameters())


def test_no_gradient_into_the_feature():
    feature = FEATURE.clone().requires_grad_()
    samples = [BaseDataElement(gt_label=torch.tensor([0])) for _ in range(2)]
    ClassificationReward(8, 2)(feature, samples).loss.sum().backward()
    assert feature.grad is None


@pytest.mark.parametrize('samples', [None, [BaseDataElement(), BaseDataElement()]])
def test_missing_labels_are_named(samples):
    with pytest.raises(
        ValueError, match='gt_label.*InstanceDiscrimination.*fixed, uniform or annealed'
    ):
        ClassificationReward(8, 2)(FEATURE, samples)


@pytest.mark.parametrize('reward', [ClassificationReward, SegmentationReward])
@pytest.mark.parametrize('num_classes', [-1, 0, 1])
def test_fewer_than_two_classes_are_refused(reward, num_classes):
    with pytest.raises(ValueError, match=f'at least 2, got {num_classes}'):
        reward(8, num_classes=num_classes)


def test_reward_is_the_negative_loss_without_gradient():
    samples = [BaseDataElement(gt_label=torch.tensor([label])) for label in (0, 1)]
    rewarded = ClassificationReward(8, 2)(FEATURE, samples)
    assert torch.equal(rewarded.reward, -rewarded.loss.detach())
    assert not rewarded.reward.requires_grad and rewarded.loss.requires_grad
