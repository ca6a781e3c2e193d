# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Frechet distance between two sets of features (Heusel et al. 2017), gathered batch by batch."""

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from mmdiffrep.measures.spectrum import check_features
from mmdiffrep.utils.checks import equal, integer


class FeatureMoments:
    """Number, mean and covariance of features, in float64 on the CPU.

    Attributes:
        count: Features so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum = torch.empty(0, dtype=torch.float64)
        self._outer = torch.empty(0, 0, dtype=torch.float64)

    def update(self, features: Tensor) -> 'FeatureMoments':
        """Take in a batch.

        Args:
            features: (B, D), finite.

        Raises:
            ValueError: Another shape than before, or values that are not finite.
        """
        check_features(features, len(self._sum) if self.count else None)
        values = features.detach().to('cpu', torch.float64)
        if not self.count:
            self._sum = values.new_zeros(values.shape[1])
            self._outer = values.new_zeros(values.shape[1], values.shape[1])
        self.count += len(values)
        self._sum += values.sum(dim=0)
        self._outer += values.T @ values
        return self

    def reduce(self) -> 'FeatureMoments':
        """Add up the moments of all processes, each of which has seen some features."""
        count = torch.tensor(self.count)
        for values in (count, self._sum, self._outer):
            all_reduce(values)
        self.count = int(count)
        return self

    @property
    def mean(self) -> Tensor:
        """(D,)."""
        return self._sum / self.count

    @property
    def covariance(self) -> Tensor:
        """(D, D), divided by the count less one."""
        mean = self.mean
        return (self._outer - self.count * mean.outer(mean)) / (self.count - 1)


def frechet_distance(first: FeatureMoments, second: FeatureMoments) -> float:
    """Squared Frechet distance of the Gaussians with the same mean and covariance.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``. With fewer images than dimensions the
    covariances are estimated badly and the distance comes out too great; compare only distances of
    equal numbers of images. Official for FID: 50,000 images.

    Raises:
        ValueError: Fewer than two features in a set, or of different dimensions.
    """
    for moments in (first, second):
        integer('The number of images in each set', moments.count, 2)
    sizes = len(second.mean), len(first.mean)
    equal('The dimensions of features', *sizes, 'One network must embed both sets.')
    ours, theirs = first.covariance, second.covariance
    # tr((C1 C2)^(1/2)) by symmetric matrices: the eigenvalues of C1^(1/2) C2 C1^(1/2)
    root = _square_root(ours)
    cross = torch.linalg.eigvalsh(root @ theirs @ root).clamp(min=0).sqrt().sum()
    shift = (first.mean - second.mean).square().sum()
    return max(0.0, float(shift + ours.trace() + theirs.trace() - 2 * cross))


def _square_root(matrix: Tensor) -> Tensor:
    """Of a symmetric matrix without negative eigenvalues, up to rounding."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
