# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from mmdiffrep.evaluation import DDPMSegIoU


def evaluate(pairs, num_classes=3, ignore_index=255):
    """Metrics of (prediction, truth) pairs of nested lists."""
    metric = DDPMSegIoU(ignore_index=ignore_index)
    metric.dataset_meta = dict(classes=[str(label) for label in range(num_classes)])
    for prediction, truth in pairs:
        sample = dict(
            pred_sem_seg=dict(data=torch.tensor([prediction])),
            gt_sem_seg=dict(data=torch.tensor([truth])),
        )
        metric.process({}, [sample])
    return metric.evaluate(len(pairs))


def test_both_variants_by_hand():
    # class 0: 1 hit of 2, class 1: 2 hits of 3; class 2 is only predicted on an ignored pixel
    metrics = evaluate([([[0, 1, 1], [1, 0, 2]], [[0, 0, 1], [1, 255, 255]])])
    assert metrics['mIoU'] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2, abs=0.01)
    # the ignored pixels are false positives of classes 0 and 2
    assert metrics['mIoU_count_ignored'] == pytest.approx(100 * (1 / 3 + 2 / 3 + 0) / 3, abs=0.01)


def test_without_ignored_pixels_and_missing_classes_both_agree():
    metrics = evaluate([([[0, 1], [2, 2]], [[0, 1], [1, 2]]), ([[2, 2], [2, 0]], [[2, 0], [2, 0]])])
    assert metrics['mIoU'] == metrics['mIoU_count_ignored']


def test_a_class_that_never_occurs_counts_as_zero():
    metrics = evaluate([([[0, 1]], [[0, 1]])])
    assert metrics['mIoU'] == 100
    assert metrics['mIoU_count_ignored'] == pytest.approx(66.67)


def test_an_image_that_is_ignored_as_a_whole():
    metrics = evaluate([([[0, 1]], [[255, 255]]), ([[0, 1]], [[0, 1]])], num_classes=2)
    assert metrics['mIoU'] == 100
    assert metrics['mIoU_count_ignored'] == 50


def test_agrees_with_the_published_formulation():
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(3):
        truth = rng.integers(0, 5, (9, 7))
        truth[rng.random(truth.shape) < 0.3] = 255
        pairs.append((rng.integers(0, 5, (9, 7)), truth))
    ious = []
    for label in range(5):
        hits = sum(((p == label) & (t == label)).sum() for p, t in pairs)
        union = sum(((p == label) | (t == label)).sum() for p, t in pairs)
        ious.append(hits / (1e-8 + union))
    metrics = evaluate([(p.tolist(), t.tolist()) for p, t in pairs], num_classes=5)
    assert metrics['mIoU_count_ignored'] == pytest.approx(100 * np.mean(ious), abs=0.01)


def test_both_tables_are_printed(caplog, capsys):
    evaluate([([[0, 1, 2]], [[0, 1, 2]])])
    printed = capsys.readouterr()
    assert 'IoU, ignored pixels counted' in caplog.text + printed.out + printed.err


def test_a_mask_of_another_size_than_the_prediction_is_refused():
    with pytest.raises(ValueError, match=r'shape \(2, 2\), its mask \(3,\)\. .*ForgetOriginalSize'):
        evaluate([([[0, 1], [1, 0]], [[0, 1, 1]])])
