# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Effective number of directions of feature maps, from a few unlabeled images."""

from torch import Tensor

from mmdiffrep.measures.spectrum import StreamedSpectrum, participation_ratio
from mmdiffrep.utils.checks import of_shape


def map_rank(maps: Tensor) -> float:
    """Participation ratio of feature maps: every pixel of every image is a sample.

    Args:
        maps: ``(B, C, h, w)``. Compare ranks at the same B, h and w only.

    Returns:
        1 (one direction) to C (all alike); 0 for constant maps. See
        :func:`~mmdiffrep.measures.participation_ratio`.

    Raises:
        ValueError: Not maps, or values that are not finite.
    """
    of_shape('maps', maps, 'B', 'C', 'h', 'w')
    spectrum = StreamedSpectrum()
    spectrum.update(maps.detach().float().permute(0, 2, 3, 1).flatten(0, 2).cpu())
    return participation_ratio(spectrum.singular_values())
