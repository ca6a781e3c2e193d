# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from torch.nn import functional as F

from mmdiffrep.models.rewards import ClassificationReward, HeatmapReward, SegmentationReward

FEATURE = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))


def seg_samples(labels):
    return [BaseDataElement(gt_sem_seg=PixelData(data=label[None])) for label in labels]


def test_classification_is_cross_entropy_on_the_pooled_feature():
    reward = ClassificationReward(8, num_classes=3)
    samples = [BaseDataElement(gt_label=torch.tensor([label])) for label in (0, 2)]
    loss = reward(FEATURE, samples).loss
    logits = reward.decoder(FEATURE.mean(dim=(2, 3)))
    torch.testing.assert_close(
        loss, F.cross_entropy(logits, torch.tensor([0, 2]), reduction='none')
    )


def test_classification_prefers_soft_labels():
    reward = ClassificationReward(8, num_classes=3)
    score = torch.tensor([0.7, 0.0, 0.3])
    samples = [BaseDataElement(gt_label=torch.tensor([1]), gt_score=score) for _ in range(2)]
    log_probs = reward.decoder(FEATURE.mean(dim=(2, 3))).log_softmax(1)
    torch.testing.assert_close(reward(FEATURE, samples).loss, -(log_probs * score).sum(1))


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
    with pytest.raises(ValueError, match='hold 3 heatmaps'):
        HeatmapReward(8, num_keypoints=4)(FEATURE, samples)


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


@pytest.mark.parametrize('label', [-1, 2])
def test_class_out_of_range_is_listed(label):
    samples = [BaseDataElement(gt_label=torch.tensor([label])) for _ in range(2)]
    with pytest.raises(ValueError, match=rf'\[{label}\], expected 0 to 1:'):
        ClassificationReward(8, num_classes=2)(FEATURE, samples)


def test_labels_out_of_range_are_listed():
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[0, 0, 0], labels[1, 2, 2] = 18, 40
    with pytest.raises(ValueError, match=r'\[18, 40\], expected 0 to 17 or 255'):
        SegmentationReward(8, num_classes=18)(FEATURE, seg_samples(labels))


@pytest.mark.parametrize('reward', [ClassificationReward, SegmentationReward])
@pytest.mark.parametrize('num_classes', [-1, 0, 1])
def test_fewer_than_two_classes_are_refused(reward, num_classes):
    with pytest.raises(ValueError, match=f'at least 2, got {num_classes}'):
        reward(8, num_classes=num_classes)


def test_multi_label_targets_are_refused():
    reward = ClassificationReward(8, num_classes=3)
    several = [BaseDataElement(gt_label=torch.tensor(labels)) for labels in ([0], [1, 2])]
    with pytest.raises(ValueError, match=r'one label an image, but samples \[1\]'):
        reward(FEATURE, several)
    scores = [BaseDataElement(gt_score=torch.tensor([1.0, 1.0, 0.0])) for _ in range(2)]
    with pytest.raises(ValueError, match='adds up to 1'):
        reward(FEATURE, scores)
    with pytest.raises(ValueError, match='num_classes=2, but `gt_score` holds 3'):
        ClassificationReward(8, num_classes=2)(FEATURE, scores)


def test_simcc_targets_are_refused_by_name():
    labels = InstanceData(keypoint_x_labels=torch.rand(1, 3, 32), keypoint_weights=torch.ones(1, 3))
    samples = [BaseDataElement(gt_instance_labels=labels) for _ in range(2)]
    with pytest.raises(ValueError, match='keypoint_x_labels.*SimCC'):
        HeatmapReward(8, num_keypoints=3)(FEATURE, samples)


def test_reward_is_the_negative_loss_without_gradient():
    samples = [BaseDataElement(gt_label=torch.tensor([label])) for label in (0, 1)]
    rewarded = ClassificationReward(8, 2)(FEATURE, samples)
    assert torch.equal(rewarded.reward, -rewarded.loss.detach())
    assert not rewarded.reward.requires_grad and rewarded.loss.requires_grad
