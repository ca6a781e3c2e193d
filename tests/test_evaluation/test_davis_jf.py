# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.evaluation import DavisJF
from mmdiffrep.evaluation.davis_jf import (
    boundary,
    boundary_accuracy,
    object_scores,
    region_similarity,
)


def square(top, left, side=20, shape=(100, 120)):
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_equal_masks_are_perfect_and_empty_ones_too():
    empty = np.zeros((50, 60), bool)
    assert object_scores(square(10, 10), square(10, 10)) == (1, 1)
    assert object_scores(empty, empty) == (1, 1)
    assert object_scores(empty, square(5, 5, shape=(50, 60))) == (0, 0)


def test_region_similarity_is_the_intersection_over_the_union():
    assert region_similarity(square(0, 0), square(0, 10)) == pytest.approx(200 / 600)


def test_boundaries_within_the_tolerance_are_right():
    # The diagonal is 156 pixels: 0.008 of it rounds up to 2.
    assert boundary_accuracy(square(10, 10), square(10, 12)) == pytest.approx(1)
    assert boundary_accuracy(square(10, 10), square(40, 60)) == 0
    partly = boundary_accuracy(square(10, 10), square(10, 15))
    assert 0.4 < partly < 0.9


def test_a_boundary_lies_before_the_change():
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2:4] = True
    expected = np.array([[0, 1, 1, 1, 0], [0, 1, 0, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(boundary(mask), expected.astype(bool))


def test_void_pixels_count_nowhere():
    labels = np.zeros((100, 120), int)
    labels[square(10, 10)] = 1
    labels[:, 30:] = 255
    wide = square(10, 10) | square(10, 30)
    assert object_scores(wide, labels == 1, labels) == (1, 1)


def save(folder, masks):
    paths = []
    for number, mask in enumerate(masks):
        paths.append(str(folder / f'{number:05d}.png'))
        image = Image.fromarray(mask.astype(np.uint8))
        image.putpalette([0] * 768)
        image.save(paths[-1])
    return paths


def test_first_and_last_frame_are_left_out_and_objects_are_averaged(tmp_path):
    true = square(10, 10) + 2 * square(60, 80).astype(int)
    nothing = np.zeros_like(true)
    predicted = np.stack([nothing, true, true * (true == 1), nothing])
    sample = dict(
        sequence='cars', masks=save(tmp_path, [true] * 4), pred_masks=torch.from_numpy(predicted)
    )
    metric = DavisJF()
    metric.process({}, [sample])
    scores = metric.compute_metrics(metric.results)
    assert scores['J'] == scores['F'] == scores['J&F'] == scores['J&F/cars'] == 75


def test_what_has_no_label_counts_nowhere(tmp_path):
    """Neither a frame that is void everywhere, in the masks of 2017, nor two frames alone."""
    true = square(10, 10) + 2 * square(60, 80).astype(int)
    void = np.full_like(true, 255)
    wrong = np.zeros_like(true)
    frames = [true, true, void, true]
    metric = DavisJF()
    predicted = torch.from_numpy(np.stack([true, wrong, true, true]))
    sample = dict(sequence='a', masks=save(tmp_path, frames), pred_masks=predicted)
    (tmp_path / 'short').mkdir()
    short = dict(sequence='b', masks=save(tmp_path / 'short', [true] * 2), pred_masks=predicted[:2])
    metric.process({}, [sample, short])
    scores = metric.compute_metrics(metric.results)
    assert scores['J&F'] == scores['J&F/a'] == 0
    assert 'J&F/b' not in scores
