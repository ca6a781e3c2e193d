# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import DefaultScope

from mmdiffrep.models.losses import WeightedCrossEntropyLoss
from mmdiffrep.registry import MODELS

WEIGHTS = [0.5, 0.9, 3.0, 4.0]


def batch():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 4, 5, 6, generator=generator)
    return scores, torch.randint(0, 4, (2, 5, 6), generator=generator)


def hosts_loss(**options):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(dict(type='CrossEntropyLoss', class_weight=WEIGHTS, **options))


def test_without_ignored_pixels_it_is_the_hosts_loss_bit_for_bit():
    scores, labels = batch()
    own = WeightedCrossEntropyLoss(WEIGHTS, loss_weight=0.4)(scores, labels)
    assert torch.equal(own, hosts_loss(loss_weight=0.4)(scores, labels, ignore_index=255))


def test_ignored_pixels_count_nowhere_where_the_host_fails():
    scores, labels = batch()
    labels[0, :2] = 255
    with pytest.raises(IndexError):
        hosts_loss()(scores, labels, ignore_index=255)
    scores.requires_grad_()
    loss = WeightedCrossEntropyLoss(WEIGHTS)(scores, labels)
    expected = F.cross_entropy(scores, labels, torch.tensor(WEIGHTS), ignore_index=255)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert not scores.grad[0, :, :2].any() and scores.grad[0, :, 2:].any()


@pytest.mark.parametrize('ignore_index', [255, 254])
def test_a_batch_without_labels_has_no_loss(ignore_index):
    scores, labels = batch()
    loss = WeightedCrossEntropyLoss(WEIGHTS)(
        scores, torch.full_like(labels, ignore_index), ignore_index=ignore_index
    )
    assert loss == 0


def test_pixel_weights_are_factors():
    scores, labels = batch()
    weight = torch.zeros(labels.shape)
    weight[:, 2] = 1
    own = WeightedCrossEntropyLoss(WEIGHTS)(scores, labels, weight=weight)
    assert torch.equal(own, hosts_loss()(scores, labels, weight=weight, ignore_index=255))


def test_wrong_weights_are_refused():
    with pytest.raises(ValueError, match='one for each of the classes: 3, got 4'):
        WeightedCrossEntropyLoss(WEIGHTS)(torch.randn(1, 3, 2, 2), torch.zeros(1, 2, 2).long())
    with pytest.raises(ValueError, match='class_weight must be at least 0'):
        WeightedCrossEntropyLoss([1.0, -1.0])
