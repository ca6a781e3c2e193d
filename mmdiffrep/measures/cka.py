# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Linear CKA: how alike two representations of the same images are, whatever their axes.

1: the same up to rotation, reflection and one scale; 0: nothing linear in common.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mmdiffrep.measures.spectrum import check_features
from mmdiffrep.utils.checks import alike, distinct, integer, of_shape, one_of


def linear_cka(first: Tensor, second: Tensor) -> float:
    """Linear CKA of two feature matrices (Kornblith et al. 2019, section 3).

    With more features than samples it is biased upwards, towards 1; :class:`StreamedCKA` is not.

    Args:
        first: (N, D1).
        second: (N, D2), of the same samples in the same order.

    Returns:
        0 to 1.

    Raises:
        ValueError: Other shapes, or features that are the same for all samples.
    """
    grams = []
    for name, features in (('first', first), ('second', second)):
        check_features(features)
        of_shape(f'the {name} features', features, len(first), 'D')
        rows = features.double() - features.double().mean(0)
        grams.append(rows @ rows.T)
        if not grams[-1].any():
            raise ValueError(f'The {name} features are the same for all samples.')
    return float((grams[0] * grams[1]).sum() / (grams[0].norm() * grams[1].norm()))


def unbiased_hsic(grams: Tensor) -> Tensor:
    """Unbiased estimates of HSIC between all pairs of kernels (Song et al. 2012, equation 5).

    Args:
        grams: (K, n, n) Gram matrices of n samples, symmetric; their diagonals are not read.

    Returns:
        (K, K). Estimates of zero scatter around it and can be negative.

    Raises:
        ValueError: Another shape, or fewer than 4 samples, which the estimator needs.
    """
    n = grams.shape[1]
    of_shape('Gram matrices', grams, 'K', n, n)
    integer('n of the samples in a batch', n, 4)
    grams = grams - torch.diag_embed(grams.diagonal(dim1=1, dim2=2))
    flat, rows = grams.flatten(1), grams.sum(2)
    sums = rows.sum(1)
    products = flat @ flat.T + torch.outer(sums, sums) / ((n - 1) * (n - 2))
    return (products - 2 / (n - 2) * (rows @ rows.T)) / (n * (n - 3))


class StreamedCKA:
    """Linear CKA between all pairs of several representations, batch by batch.

    HSIC is estimated without bias on every batch and averaged, weighted by the number of samples
    (Nguyen, Raghu and Kornblith 2021, section 3), so only a K x K matrix is kept, and having
    more features than images does not matter. With one batch of all samples it is the debiased CKA.

    Args:
        names: What is compared.

    Raises:
        ValueError: No names, or some that are equal.
    """

    def __init__(self, names: Sequence[object]) -> None:
        self.names = tuple(distinct('names', names))
        self._sum = torch.zeros(len(self.names), len(self.names), dtype=torch.float64)
        self.num_samples = 0

    def update(self, features: Mapping[object, Tensor]) -> None:
        """Add a batch.

        Args:
            features: (B, D) for each of the names, of the same B >= 4 samples.

        Raises:
            ValueError: Names are missing, or shapes do not fit.
        """
        grams = []
        for name in self.names:
            one_of('each name with features', name, features)
            check_features(features[name])
            rows = features[name].double()
            rows = rows - rows.mean(0)  # changes nothing but the rounding
            grams.append(rows @ rows.T)
        sizes = [len(gram) for gram in grams]
        alike('Numbers of samples in one batch', sizes, 'give features of the same samples.')
        self._sum += sizes[0] * unbiased_hsic(torch.stack(grams)).cpu()
        self.num_samples += sizes[0]

    def matrix(self) -> Tensor:
        """Return the similarities so far.

        Returns:
            (K, K) float64, symmetric, 1 on the diagonal. Few samples can put entries a little
            outside 0 to 1.

        Raises:
            ValueError: No batch was given, or features do not differ between samples.
        """
        if not self.num_samples:
            raise ValueError('No features have been given: call update first.')
        hsic = self._sum / self.num_samples
        own = hsic.diagonal()
        flat = [str(name) for name, value in zip(self.names, own) if not value > 0]
        if flat:
            raise ValueError(
                f'{", ".join(flat)}: the features differ too little between {self.num_samples} '
                'samples to be compared. Give more samples, or leave them out.'
            )
        return hsic / torch.outer(own, own).sqrt()
