# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Singular values of features, and four answers to how many directions they use."""

from typing import NamedTuple

import torch
from torch import Tensor

from mmdiffrep.utils.checks import at_least, of_shape


class SpectrumSummary(NamedTuple):
    """Four sizes of a spectrum, from the most to the least generous.

    Attributes:
        rank: See :func:`numerical_rank`.
        effective_rank: See :func:`effective_rank`.
        participation_ratio: See :func:`participation_ratio`.
        stable_rank: See :func:`stable_rank`.
    """

    rank: int
    effective_rank: float
    participation_ratio: float
    stable_rank: float


class StreamedSpectrum:
    """Singular values of a feature matrix (N, D) that is given batch by batch.

    Batches are kept as they are until there are D rows. From then on they are folded into their
    mean and scatter matrix (Chan, Golub and LeVeque 1979), so that memory stays below D x D. All
    sums are float64. Values below about 1e-8 of the largest one are lost in a scatter matrix, which
    holds their squares; the float32 tolerance of :func:`numerical_rank` is above that.
    """

    def __init__(self) -> None:
        self.num_samples = 0
        self.num_features: int | None = None
        self._rows: list[Tensor] = []
        self._mean: Tensor | None = None
        self._scatter: Tensor | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D) so far.

        Raises:
            ValueError: No features have been given.
        """
        if self.num_features is None:
            raise ValueError('No features have been given: call update first.')
        return self.num_samples, self.num_features

    def update(self, features: Tensor) -> None:
        """Add a batch.

        Args:
            features: (B, D), any float type.

        Raises:
            ValueError: Another shape, another D than before, or values that are not finite.
        """
        check_features(features, self.num_features)
        self.num_features = features.shape[1]
        self.num_samples += len(features)
        self._rows.append(features.detach())
        if self.num_samples >= self.num_features:
            self._fold()

    def _fold(self) -> None:
        """Move the rows into mean and scatter."""
        rows = torch.cat(self._rows).double()
        self._rows.clear()
        mean = rows.mean(0)
        scatter = (rows - mean).T @ (rows - mean)
        if self._mean is None or self._scatter is None:
            self._mean, self._scatter = mean, scatter
            return
        share = len(rows) / self.num_samples
        shift = mean - self._mean
        before = self.num_samples - len(rows)
        self._scatter += scatter + before * share * torch.outer(shift, shift)
        self._mean = self._mean + share * shift

    def singular_values(self, centered: bool = True) -> Tensor:
        """Return the singular values so far.

        Args:
            centered: Of the features minus their mean over the samples.

        Returns:
            (min(N, D),) float64, descending.

        Raises:
            ValueError: No features have been given.
        """
        samples, _ = self.shape
        if self._mean is None or self._scatter is None:
            return singular_values(torch.cat(self._rows), centered)
        second = self._scatter
        if not centered:
            second = second + samples * torch.outer(self._mean, self._mean)
        return torch.linalg.eigvalsh(second).flip(0).clamp(min=0).sqrt()


def singular_values(features: Tensor, centered: bool = True) -> Tensor:
    """Singular values of a feature matrix, by SVD in float64.

    Args:
        features: (N, D).
        centered: Of the features minus their mean over the samples.

    Returns:
        (min(N, D),) float64, descending.

    Raises:
        ValueError: Another shape, or values that are not finite.
    """
    check_features(features)
    rows = features.double()
    return torch.linalg.svdvals(rows - rows.mean(0) if centered else rows)


def rank_tolerance(shape: tuple[int, int], dtype: torch.dtype = torch.float32) -> float:
    """Return what a singular value is compared with, relative to the largest: ``max(N, D) * eps``.

    The default of ``torch.linalg.matrix_rank``. It depends on the number of samples: compare ranks
    only at the same N, D and type.

    Args:
        shape: (N, D) of the features.
        dtype: Type that the features were computed in; its ``eps`` is taken. float32: 1.19e-7.
    """
    return max(shape) * torch.finfo(dtype).eps


def numerical_rank(
    values: Tensor, shape: tuple[int, int], dtype: torch.dtype = torch.float32
) -> int:
    """Return number of singular values above :func:`rank_tolerance` times the largest.

    RepFusion's "effective rank" of features is this number, for N = 10,000 and float32.

    Args:
        values: (K,) singular values.
        shape: (N, D) of the features.
        dtype: Type that the features were computed in. ``torch.float64`` needs the values of
            :func:`singular_values`, not of a scatter matrix.

    Returns:
        0 to K.

    Raises:
        ValueError: ``values`` are not singular values.
    """
    _check_values(values)
    return int((values > rank_tolerance(shape, dtype) * values.max()).sum())


def effective_rank(values: Tensor) -> float:
    """``exp`` of the entropy of the singular values, normalized to sum 1 (Roy and Vetterli 2007).

    Args:
        values: (K,) singular values.

    Returns:
        1 (one direction) to K (all equal); 0 if all values are zero.

    Raises:
        ValueError: ``values`` are not singular values.
    """
    _check_values(values)
    if not values.any():
        return 0.0
    shares = values.double() / values.double().sum()
    return float(torch.special.entr(shares).sum().exp())


def participation_ratio(values: Tensor) -> float:
    """Return ``(sum s)^2 / sum s^2`` of the singular values themselves, not of their squares.

    Arguments, range and errors are those of :func:`effective_rank`.
    """
    _check_values(values)
    return _ratio(values.double().sum().square(), values.double().square().sum())


def stable_rank(values: Tensor) -> float:
    """Return ``sum s^2 / max s^2``: squared Frobenius norm over squared spectral norm.

    Arguments, range and errors are those of :func:`effective_rank`.
    """
    _check_values(values)
    squares = values.double().square()
    return _ratio(squares.sum(), squares.max())


def summarize(
    values: Tensor, shape: tuple[int, int], dtype: torch.dtype = torch.float32
) -> SpectrumSummary:
    """All four sizes; arguments as for :func:`numerical_rank`."""
    return SpectrumSummary(
        rank=numerical_rank(values, shape, dtype),
        effective_rank=effective_rank(values),
        participation_ratio=participation_ratio(values),
        stable_rank=stable_rank(values),
    )


def check_features(features: Tensor, num_features: int | None = None) -> None:
    """Check a feature matrix.

    Args:
        features: (N, D), N and D at least 1.
        num_features: D, if batches before have settled it.

    Raises:
        ValueError: Another shape, or values that are not finite.
    """
    of_shape('features', features, 'N', num_features or 'D')
    if not features.isfinite().all():
        bad = int((~features.isfinite()).any(1).sum())
        raise ValueError(
            f'The features of {bad} of {len(features)} samples hold inf or nan. Did a network in '
            'half precision overflow?'
        )


def _check_values(values: Tensor) -> None:
    of_shape('singular values', values, 'K')
    at_least('each of the singular values', float(values.min()), 0)
    at_least('the greatest of the singular values', float(values.max()), 0)


def _ratio(numerator: Tensor, denominator: Tensor) -> float:
    return float(numerator / denominator) if denominator > 0 else 0.0
