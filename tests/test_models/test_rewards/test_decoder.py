# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What all rewards that train a decoder have in common."""

import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from mmdiffrep.models.rewards import (
    ClassificationReward,
    HeatmapReward,
    SegmentationReward,
    SimCCReward,
)

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


def blank(size=8):
    return torch.full((size, size), 255)


def keypoint_sample(x_and_y=False, weight=1.0, seed=0):
    """Targets of a heatmap head or a SimCC head, 3 keypoints of equal weight."""
    generator = torch.Generator().manual_seed(seed)
    labels = InstanceData(keypoint_weights=torch.full((1, 3), weight))
    if x_and_y:
        labels.keypoint_x_labels = torch.rand(1, 3, 16, generator=generator)
        labels.keypoint_y_labels = torch.rand(1, 3, 16, generator=generator)
        return BaseDataElement(gt_instance_labels=labels)
    heatmaps = torch.rand(3, 8, 8, generator=generator)
    return BaseDataElement(gt_fields=PixelData(heatmaps=heatmaps), gt_instance_labels=labels)


def label_map(seed):
    return torch.randint(0, 5, (8, 8), generator=torch.Generator().manual_seed(seed))


# A reward, its labeled samples, and a sample without labels.
PARTLY_LABELED = {
    'missing gt_label': (
        ClassificationReward(8, 5),
        [BaseDataElement(gt_label=torch.tensor([i])) for i in range(3)],
        BaseDataElement(),
    ),
    'missing gt_score': (
        ClassificationReward(8, 2),
        [BaseDataElement(gt_score=torch.tensor([0.3, 0.7])) for _ in range(3)],
        BaseDataElement(),
    ),
    'missing gt_sem_seg': (
        SegmentationReward(8, 5),
        seg_samples([label_map(i) for i in range(3)]),
        BaseDataElement(),
    ),
    'all ignored': (
        SegmentationReward(8, 5),
        seg_samples([label_map(i) for i in range(3)]),
        *seg_samples([blank()]),
    ),
    'no weight, heatmaps': (
        HeatmapReward(8, 3),
        [keypoint_sample(seed=i) for i in range(3)],
        keypoint_sample(weight=0.0),
    ),
    'missing heatmaps': (
        HeatmapReward(8, 3),
        [keypoint_sample(seed=i) for i in range(3)],
        BaseDataElement(),
    ),
    'no weight, SimCC': (
        SimCCReward(8, 3),
        [keypoint_sample(True, seed=i) for i in range(3)],
        keypoint_sample(True, weight=0.0),
    ),
    'missing SimCC labels': (
        SimCCReward(8, 3),
        [keypoint_sample(True, seed=i) for i in range(3)],
        BaseDataElement(),
    ),
}


@pytest.mark.parametrize('case', PARTLY_LABELED)
def test_an_image_without_labels_does_not_count(case):
    reward, labeled, unlabeled = PARTLY_LABELED[case]
    feature = torch.randn(5, 8, 4, 4)
    output = reward(feature, [unlabeled, labeled[0], unlabeled, *labeled[1:]])
    assert output.counted.tolist() == [False, True, False, True, True]
    alone = reward(feature[output.counted], labeled)
    assert alone.counted.all()
    torch.testing.assert_close(output.loss[output.counted], alone.loss)
    assert output.reward.isfinite().all()


@pytest.mark.parametrize('case', PARTLY_LABELED)
def test_a_batch_without_labels_counts_nothing(case):
    reward, labeled, unlabeled = PARTLY_LABELED[case]
    reward(FEATURE, labeled[:2])
    output = reward(FEATURE, [unlabeled] * 2)
    assert not output.counted.any() and output.loss.sum() == 0


def test_labels_out_of_range_name_the_image():
    samples = [
        BaseDataElement(gt_label=torch.tensor([label]), metainfo=dict(img_path=f'{label}.png'))
        for label in (1, 7)
    ]
    with pytest.raises(ValueError, match=r'image 7.png: labels \[7\] .* expected 0 to 1'):
        ClassificationReward(8, 2)(FEATURE, samples)
    maps = seg_samples([torch.zeros(8, 8).long(), torch.full((8, 8), 40)])
    with pytest.raises(ValueError, match=r'image 1 of a batch: labels \[40\] .*or 255 \(ignored'):
        SegmentationReward(8, 2)(FEATURE, maps)


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
