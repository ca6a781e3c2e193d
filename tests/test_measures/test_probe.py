# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.measures.probe import (
    LabeledFeatures,
    fit_logistic,
    folds_by_class,
    knn_probe,
    knn_scores,
    linear_probe,
)

PROBES = pytest.mark.parametrize('probe', [linear_probe, knn_probe])


def clusters(count: int, noise: float, classes: int = 3) -> LabeledFeatures:
    """Points around the corners of a simplex, in turns."""
    labels = torch.arange(count) % classes
    return LabeledFeatures(torch.eye(classes)[labels] + noise * torch.randn(count, classes), labels)


@PROBES
def test_clusters_are_told_apart(probe):
    result = probe(clusters(60, 0.05), clusters(30, 0.05), num_classes=3)
    assert result[:3] == (1.0, 1.0, 1.0)


@PROBES
def test_noise_is_guessed(probe):
    train = LabeledFeatures(torch.randn(300, 5), torch.randint(0, 4, (300,)))
    test = LabeledFeatures(torch.randn(1000, 5), torch.randint(0, 4, (1000,)))
    assert probe(train, test, num_classes=4).accuracy == pytest.approx(0.25, abs=0.06)


@PROBES
def test_scale_and_shift_of_each_feature_do_not_count(probe):
    train, test = clusters(60, 0.6), clusters(60, 0.6)
    scale, shift = torch.tensor([1e-3, 1.0, 1e4]), torch.tensor([5.0, -1.0, 1e3])

    def moved(part):
        return LabeledFeatures(part.features * scale + shift, part.labels)

    expected = probe(train, test, num_classes=3)
    assert probe(moved(train), moved(test), num_classes=3) == pytest.approx(expected, abs=0.02)


@PROBES
def test_a_dead_feature_does_no_harm(probe):
    train, test = clusters(60, 0.3), clusters(30, 0.3)
    expected = probe(train, test, num_classes=3)
    wider = [
        LabeledFeatures(torch.cat([part.features, torch.full((len(part.labels), 1), 0.1)], 1), y)
        for part, y in ((train, train.labels), (test, test.labels))
    ]
    assert probe(*wider, num_classes=3) == expected


def test_test_images_choose_nothing():
    train, test = clusters(60, 0.6), clusters(30, 0.6)
    shuffled = LabeledFeatures(test.features, test.labels.roll(1))
    for probe in (linear_probe, knn_probe):
        one, other = (probe(train, part, num_classes=3) for part in (test, shuffled))
        assert (one.held_out, one.choice) == (other.held_out, other.choice)
        assert one.accuracy > other.accuracy


def test_the_first_of_equal_choices_is_taken():
    train, test = clusters(60, 0.01), clusters(30, 0.01)
    assert linear_probe(train, test, 3, penalties=(0.01, 0.1)).choice == 0.01
    assert knn_probe(train, test, 3, neighbors=(5, 1)).choice == 5


def test_a_rare_class_counts_in_the_choice():
    """Every choice but the strongest penalty finds the rare class, which is 1 of 10 images."""
    labels = (torch.arange(100) % 10 == 0).long()
    features = labels[:, None] + 0.5 * torch.randn(100, 1)
    train = LabeledFeatures(features, labels)
    result = linear_probe(train, train, 2, penalties=(10.0, 0.001))
    assert result.choice == 0.001 and result.held_out > 0.55
    always_common = linear_probe(train, train, 2, penalties=(10.0,))
    assert (always_common.held_out, always_common.accuracy) == (0.5, 0.9)


def test_class_accuracy_is_the_mean_over_the_classes_that_are_there():
    train = clusters(60, 0.01)
    features = torch.eye(3)[torch.tensor([0, 0, 0, 0])]
    test = LabeledFeatures(features, torch.tensor([0, 0, 0, 1]))  # the last one is mislabeled
    result = knn_probe(train, test, num_classes=3)
    assert (result.accuracy, result.class_accuracy) == (0.75, 0.5)


@pytest.mark.parametrize('penalty', [0.01, 1.0])
def test_logistic_regression_solves_its_equation(penalty):
    """Two points at -1 and 1: weights -w, w with 2 w penalty = 2 / (1 + exp(2 w))."""
    features = torch.tensor([[-1.0], [1.0]])
    weight, bias = fit_logistic(features, torch.tensor([0, 1]), 2, penalty)
    low, high = 0.0, 100.0
    for _ in range(100):
        middle = (low + high) / 2
        above = penalty * middle > 1 / (1 + math.exp(2 * middle))
        low, high = (low, middle) if above else (middle, high)
    assert weight.flatten().tolist() == pytest.approx([-low, low], rel=1e-3)
    assert bias.tolist() == pytest.approx([0, 0], abs=1e-5)


def test_logistic_regression_is_at_a_minimum():
    part = clusters(90, 0.5)
    weight, bias = fit_logistic(part.features, part.labels, 3, penalty=0.1)
    scores = part.features.double() @ weight.T + bias
    residual = scores.softmax(1) - torch.eye(3, dtype=torch.float64)[part.labels]
    gradient = residual.T @ part.features.double() / 90 + 0.1 * weight
    assert gradient.abs().max() < 1e-4 and residual.mean(0).abs().max() < 1e-4


def test_neighbors_vote_by_similarity():
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    labels = torch.tensor([0, 1, 1])
    queries = torch.tensor([[10.0, 0.0]])
    assert knn_scores(features, labels, 3, 1, queries).tolist() == [[2, 0, 0]]
    assert knn_scores(features, labels, 3, 99, queries).tolist() == [[2, 2, 0]]


def test_many_queries_are_answered_in_parts():
    train, test = clusters(30, 0.6), clusters(600, 0.6)
    scores = knn_scores(train.features, train.labels, 3, 5, test.features)
    for index in (0, 255, 256, 599):
        (alone,) = knn_scores(train.features, train.labels, 3, 5, test.features[index, None])
        torch.testing.assert_close(scores[index], alone)


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=20), folds=st.integers(2, 6))
def test_every_class_is_left_without_any_of_the_parts(labels, folds):
    labels = torch.tensor(labels * 2)
    parts = folds_by_class(labels, folds, seed=3)
    for part in parts.unique():
        assert labels[parts != part].unique().tolist() == labels.unique().tolist()
    sizes = parts.bincount(minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    assert folds_by_class(labels, folds, seed=3).tolist() == parts.tolist()


def test_parts_have_the_same_share_of_every_class():
    labels = torch.tensor([0] * 80 + [1] * 20)
    parts = folds_by_class(labels, 5)
    assert [labels[parts == part].bincount().tolist() for part in range(5)] == [[16, 4]] * 5
    assert parts.tolist() != folds_by_class(labels, 5, seed=1).tolist()


def test_held_out_accuracy_is_of_every_training_image_once():
    """A class of twins: each is classified by the other one alone."""
    features = torch.tensor([[1.0, 0], [1.0, 0.1], [0, 1.0], [0.1, 1.0]])
    train = LabeledFeatures(features, torch.tensor([0, 0, 1, 1]))
    assert knn_probe(train, train, 2, neighbors=(1,), folds=4).held_out == 1
    mixed = LabeledFeatures(features, torch.tensor([0, 1, 0, 1]))
    assert knn_probe(mixed, mixed, 2, neighbors=(1,), folds=4)[:2] == (0, 1)


@PROBES
def test_bad_input(probe):
    good = clusters(30, 0.1)

    def labeled(labels, width=3):
        return LabeledFeatures(torch.randn(len(labels), width), labels)

    for train, test, options, message in (
        (labeled(torch.tensor([0, 0, 1])), good, {}, 'Class 1 has 1 of 3 images'),
        (labeled(torch.tensor([0, 3] * 4)), good, {}, r'labels \[3\] .* expected 0 to 2'),
        (labeled(torch.tensor([0.0, 1.0])), good, {}, 'int64, got torch.float32'),
        (
            good,
            labeled(torch.tensor([0, 1]), width=4),
            {},
            r'test features \(N, 3\), got shape \(2, 4\)',
        ),
        (good, good, dict(folds=1), 'at least 2, got 1'),
    ):
        with pytest.raises(ValueError, match=message):
            probe(train, test, 3, **options)
    with pytest.raises(ValueError, match='penalties or neighbors must have at least one item'):
        probe(good, good, 3, ())
    with pytest.raises(ValueError, match='penalty must be positive|neighbors must be at least 1'):
        probe(good, good, 3, (0,))
