# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Probe frozen features for classes: a linear probe and nearest neighbors.

Both standardize the features by the training images (zero mean, unit variance each), so that
neither sees the scale of a channel, which varies with timestep and tap. What has to be chosen (the
penalty, the number of neighbors) is chosen by cross-validation on the training images; the test
images are looked at once, at the end.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.measures.labels import check_labels, members_of
from mmdiffrep.measures.spectrum import check_features
from mmdiffrep.utils.checks import integer, list_of, of_shape, positive

PENALTIES = (1.0, 0.1, 0.01, 0.001)
NEIGHBORS = (20, 10, 5, 1)
_QUERIES = 256  # compared with all samples at a time: 100 MB for 50,000 samples

# (features, labels, num_classes, choice, queries) -> scores (M, num_classes)
_Classifier = Callable[[Tensor, Tensor, int, Any, Tensor], Tensor]


class LabeledFeatures(NamedTuple):
    """Features (N, D) and their classes, int64 (N,)."""

    features: Tensor
    labels: Tensor


class ProbeResult(NamedTuple):
    """Accuracies in [0, 1].

    Attributes:
        held_out: Mean over the classes, which a class that most images belong to does not dominate,
            on the training images, each classified when it was held out. Choose timesteps and taps
            by this one.
        accuracy: On the test images.
        class_accuracy: On the test images, mean over the classes.
        choice: The penalty or number of neighbors that was best on ``held_out``.
    """

    held_out: float
    accuracy: float
    class_accuracy: float
    choice: float


def linear_probe(
    train: LabeledFeatures,
    test: LabeledFeatures,
    num_classes: int,
    penalties: Sequence[float] = PENALTIES,
    folds: int = 5,
    seed: int = 0,
) -> ProbeResult:
    """Accuracy of a logistic regression, see :func:`fit_logistic`.

    Args:
        train: What it is fitted on.
        test: What it is measured on.
        num_classes: Labels run from 0 to ``num_classes - 1``.
        penalties: To choose from. Of equally good ones the first is taken: strongest first.
        folds: Parts that the training images are divided into, see :func:`folds_by_class`. Each is
            held out once, and the final fit is on all of them.
        seed: Of the division.

    Raises:
        ValueError: Shapes or labels that do not fit, a class with fewer than 2 training images, or
            nothing to choose from.
    """
    return _probe(_logistic_scores, train, test, num_classes, penalties, folds, seed)


def knn_probe(
    train: LabeledFeatures,
    test: LabeledFeatures,
    num_classes: int,
    neighbors: Sequence[int] = NEIGHBORS,
    folds: int = 5,
    seed: int = 0,
) -> ProbeResult:
    """Accuracy of the vote of the nearest training images, see :func:`knn_scores`.

    Args:
        train: The neighbors.
        test: What is classified.
        num_classes: Labels run from 0 to ``num_classes - 1``.
        neighbors: Numbers of neighbors to choose from; those above the number of images mean all
            of them. Of equally good ones the first is taken: most first.
        folds: See :func:`linear_probe`.
        seed: See :func:`linear_probe`.

    Raises:
        ValueError: As in :func:`linear_probe`.
    """
    return _probe(knn_scores, train, test, num_classes, neighbors, folds, seed)


def folds_by_class(labels: Tensor, folds: int = 5, seed: int = 0) -> Tensor:
    """Divide samples at random into parts with the same share of every class.

    Args:
        labels: (N,) classes.
        folds: Number of parts, at least 2.
        seed: Of the draw.

    Returns:
        (N,) the part of every sample, 0 to ``folds - 1``. Without any of the parts, every class is
        still there.

    Raises:
        ValueError: A class with one sample, or fewer than 2 parts.
    """
    integer('folds', folds, 2)
    generator = torch.Generator().manual_seed(seed)
    parts = torch.empty(len(labels), dtype=torch.int64)
    dealt = 0
    for label in labels.unique().tolist():
        members = members_of(labels.cpu(), label)
        order = members[torch.randperm(len(members), generator=generator)]
        # dealt out like cards, from class to class, so that the parts are of one size
        parts[order] = (dealt + torch.arange(len(members))) % folds
        dealt += len(members)
    return parts


def fit_logistic(
    features: Tensor, labels: Tensor, num_classes: int, penalty: float, max_iters: int = 100
) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression: full-batch L-BFGS in float64 from zero weights.

    Minimizes mean cross-entropy + penalty / 2 * squared norm of the weights; the bias is free. With
    scikit-learn's ``C`` the penalty is 1 / (C * N).

    Args:
        features: (N, D).
        labels: (N,) in 0 to ``num_classes - 1``.
        num_classes: Number of classes.
        penalty: Positive.
        max_iters: Of L-BFGS, which stops earlier when the gradient is below 1e-5.

    Returns:
        Weights (num_classes, D) and bias (num_classes,), float64.

    Raises:
        ValueError: A penalty that is not positive.
    """
    positive('penalty', penalty)
    rows = features.double()
    weight = rows.new_zeros(num_classes, rows.shape[1], requires_grad=True)
    bias = rows.new_zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=max_iters,
        tolerance_grad=1e-5,
        tolerance_change=0,
        line_search_fn='strong_wolfe',
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(rows, weight, bias), labels)
        loss = loss + 0.5 * penalty * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(objective)
    return weight.detach(), bias.detach()


def knn_scores(
    features: Tensor, labels: Tensor, num_classes: int, k: int, queries: Tensor
) -> Tensor:
    """Votes of the ``k`` most similar samples, each weighted by 1 + cosine similarity.

    Args:
        features: (N, D).
        labels: (N,) in 0 to ``num_classes - 1``.
        num_classes: Number of classes.
        k: At least 1; above N it means N.
        queries: (M, D).

    Returns:
        (M, num_classes).

    Raises:
        ValueError: ``k`` is not an integer of at least 1.
    """
    integer('The number of neighbors', k, 1)
    samples = F.normalize(features, dim=1)
    scores = []
    for part in F.normalize(queries, dim=1).split(_QUERIES):
        nearest = (part @ samples.T).topk(min(k, len(samples)), dim=1)
        votes = part.new_zeros(len(part), num_classes)
        scores.append(votes.scatter_add_(1, labels[nearest.indices], 1 + nearest.values))
    return torch.cat(scores)


def _logistic_scores(
    features: Tensor, labels: Tensor, num_classes: int, penalty: float, queries: Tensor
) -> Tensor:
    weight, bias = fit_logistic(features, labels, num_classes, penalty)
    return F.linear(queries, weight, bias)


def _probe(
    classify: _Classifier,
    train: LabeledFeatures,
    test: LabeledFeatures,
    num_classes: int,
    choices: Sequence[float],
    folds: int,
    seed: int,
) -> ProbeResult:
    for part in (train, test):
        check_features(part.features)
        check_labels(part.labels, num_classes, len(part.features))
    of_shape('test features', test.features, 'N', train.features.shape[1])
    list_of('penalties or neighbors', choices, float)

    def hits(choice: float, fit: LabeledFeatures, on: LabeledFeatures) -> Tensor:
        """Return whether each sample of ``on`` is classified rightly, (N,) float64."""
        rows, queries = _standardize(fit.features, on.features)
        scores = classify(rows, fit.labels, num_classes, choice, queries)
        return (scores.argmax(1) == on.labels).double()

    parts = folds_by_class(train.labels, folds, seed)
    splits = [
        [
            LabeledFeatures(train.features[chosen], train.labels[chosen])
            for chosen in (parts != i, parts == i)
        ]
        for i in parts.unique().tolist()
    ]
    held_out = torch.cat([on.labels for _, on in splits])
    scores: dict[float, float] = {
        choice: _mean_of_classes(torch.cat([hits(choice, *split) for split in splits]), held_out)
        for choice in choices
    }
    best = max(scores, key=scores.__getitem__)  # the first of equals
    right = hits(best, train, test)
    return ProbeResult(
        held_out=scores[best],
        accuracy=float(right.mean()),
        class_accuracy=_mean_of_classes(right, test.labels),
        choice=best,
    )


def _mean_of_classes(right: Tensor, labels: Tensor) -> float:
    """Mean over the classes that are there of their accuracies."""
    return float(torch.stack([right[labels == label].mean() for label in labels.unique()]).mean())


def _standardize(rows: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
    """Standardize both by the statistics of the first; constant features become 0."""
    rows, queries = rows.double(), queries.double()
    mean, std = rows.mean(0), rows.std(0, correction=0)
    scale = torch.where(std > 1e-12 * (1 + mean.abs()), 1 / std, torch.zeros_like(std))
    return (rows - mean) * scale, (queries - mean) * scale
