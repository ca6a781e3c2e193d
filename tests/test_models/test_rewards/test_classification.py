# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import BaseDataElement
from torch.nn import functional as F

from mmdiffrep.models.rewards import ClassificationReward

FEATURE = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))


def test_classification_is_cross_entropy_on_the_pooled_feature():
    reward = ClassificationReward(8, num_classes=3)
    samples = [BaseDataElement(gt_label=torch.tensor([label])) for label in (0, 2)]
    loss = reward(FEATURE, samples).loss
    logits = reward.decoder(FEATURE.mean(dim=(2, 3)))
    torch.testing.assert_close(
        loss, F.cross_entropy(logits, torch.tensor([0, 2]), reduction='none')
    )


@pytest.mark.parametrize(
    ('in_channels', 'options', 'number'),
    [
        # d-d-d-10 at 32 px, d = 256.
        (256, dict(num_classes=10), 2 * (256 * 256 + 256) + 256 * 10 + 10),
        # d - d/2 - d/2 - 200 at 64 px, d = 768.
        (
            768,
            dict(num_classes=200, hidden_channels=384),
            (768 * 384 + 384) + (384 * 384 + 384) + (384 * 200 + 200),
        ),
    ],
)
def test_decoders_have_the_official_widths(in_channels, options, number):
    reward = ClassificationReward(in_channels, **options)
    assert sum(p.numel() for p in reward.parameters()) == number


def test_hidden_layers_need_a_channel():
    with pytest.raises(ValueError, match='hidden_channels must be at least 1, got 0'):
        ClassificationReward(8, num_classes=3, hidden_channels=0)


def test_classification_prefers_soft_labels():
    reward = ClassificationReward(8, num_classes=3)
    score = torch.tensor([0.7, 0.0, 0.3])
    samples = [BaseDataElement(gt_label=torch.tensor([1]), gt_score=score) for _ in range(2)]
    log_probs = reward.decoder(FEATURE.mean(dim=(2, 3))).log_softmax(1)
    torch.testing.assert_close(reward(FEATURE, samples).loss, -(log_probs * score).sum(1))


@pytest.mark.parametrize('label', [-1, 2])
def test_class_out_of_range_is_listed(label):
    samples = [BaseDataElement(gt_label=torch.tensor([label])) for _ in range(2)]
    with pytest.raises(ValueError, match=rf'image .*: labels \[{label}\] .*expected 0 to 1'):
        ClassificationReward(8, num_classes=2)(FEATURE, samples)


def test_multi_label_targets_are_refused():
    reward = ClassificationReward(8, num_classes=3)
    several = [BaseDataElement(gt_label=torch.tensor(labels)) for labels in ([0], [1, 2])]
    with pytest.raises(ValueError, match=r'one label per image, but samples \[1\]'):
        reward(FEATURE, several)
    scores = [BaseDataElement(gt_score=torch.tensor([1.0, 1.0, 0.0])) for _ in range(2)]
    with pytest.raises(ValueError, match=r'adds up to 1 .* sample 0 .* the sum 2 \(2 such'):
        reward(FEATURE, scores)
    scores = [BaseDataElement(gt_score=torch.tensor([1.5, -0.5, 0.0])) for _ in range(2)]
    with pytest.raises(ValueError, match='without negative entries'):
        reward(FEATURE, scores)
    with pytest.raises(ValueError, match=r'num_classes columns \(\d, 2\), got shape \(\d, 3\)'):
        ClassificationReward(8, num_classes=2)(FEATURE, scores)
