# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.necks import Hypercolumns
from mmdiffrep.models.segmentors.labeled_pixels import LabeledPixels, drop_rare


def make(labels, min_class_pixels=1):
    labels = torch.as_tensor(labels)
    # the only channel of a pixel says where it is
    places = torch.arange(labels.numel(), dtype=torch.float).view(len(labels), 1, *labels.shape[1:])
    return LabeledPixels(Hypercolumns([places]), labels, 255, min_class_pixels)


def test_ignored_pixels_are_left_out():
    pixels = make([[[0, 255], [2, 1]], [[255, 255], [3, 255]]])
    assert len(pixels) == 4
    columns, labels = pixels.batch(torch.arange(4).view(2, 2))
    assert columns.tolist() == [[[0], [2]], [[3], [6]]]
    assert labels.tolist() == [[0, 2], [1, 3]]


def test_rare_classes_by_hand():
    # class 1 has 19 pixels, class 2 has 20, 255 has 1
    labels = torch.tensor([0] * 24 + [1] * 19 + [2] * 20 + [255]).view(8, 8)
    kept = drop_rare(labels, 255, 20)
    assert kept.flatten().bincount()[[0, 1, 2, 255]].tolist() == [24, 0, 20, 20]
    assert (labels == 1).sum() == 19, 'the label map given stays'


def test_rare_is_counted_in_each_image():
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[0, :4] = 1  # 32 pixels
    labels[1, :1] = 1  # 8 pixels
    assert len(make(labels, min_class_pixels=20)) == 2 * 64 - 8


@pytest.mark.parametrize('minimum', [0, 1])
def test_low_minimum_keeps_all(minimum):
    labels = torch.tensor([[0, 1], [2, 255]])
    assert torch.equal(drop_rare(labels, 255, minimum), labels)


def test_nothing_to_train_on():
    with pytest.raises(ValueError, match='none of the 1 images has a pixel to train on'):
        make([[[255, 255], [255, 0]]], min_class_pixels=20)


def test_every_member_and_epoch_has_its_own_order_of_all_pixels():
    pixels = make(torch.zeros(1, 8, 8, dtype=torch.long))
    orders = [order for epoch in range(2) for order in pixels.shuffles(3, epoch, 2)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(64))
    assert len({tuple(order.tolist()) for order in orders}) == 4
    assert torch.equal(pixels.shuffles(3, 1, 2), torch.stack(orders[2:]))
    assert not torch.equal(pixels.shuffles(4, 1, 2), torch.stack(orders[2:]))
    assert torch.equal(pixels.shuffles(3, 0, 5)[:2], pixels.shuffles(3, 0, 2))


def test_fingerprint_tells_places_and_labels_apart():
    labels = [[[0, 1], [1, 255]]]
    fingerprints = {make(labels).fingerprint() for _ in range(2)}
    fingerprints.add(make([[[0, 1], [255, 1]]]).fingerprint())
    fingerprints.add(make([[[1, 1], [1, 255]]]).fingerprint())
    assert len(fingerprints) == 3
