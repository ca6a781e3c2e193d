# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Join the maps of two images by principal components that both share (SD + DINO)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.utils.checks import integer


def joint_pca(first: Tensor, second: Tensor, components: int) -> tuple[Tensor, Tensor]:
    """Project two maps on the principal components of all their cells.

    The official code takes ``torch.pca_lowrank``, which is random and approximate; this is the
    exact decomposition, whose cosines do not depend on the signs of the components.

    Args:
        first: (C, h, w).
        second: (C, h', w').
        components: Number of components; as many as channels or cells at most.

    Returns:
        Maps (components, h, w) and (components, h', w'), float32.
    """
    cells = torch.cat([first.flatten(1), second.flatten(1)], dim=1).T.float()
    cells = cells - cells.mean(0)
    _, _, basis = torch.linalg.svd(cells, full_matrices=False)
    reduced = cells @ basis[:components].T
    number = first[0].numel()
    return (
        reduced[:number].T.reshape(-1, *first.shape[1:]),
        reduced[number:].T.reshape(-1, *second.shape[1:]),
    )


class JointPCA:
    """Joins the diffusion maps of an image pair, and those of another encoder with them.

    Zhang et al., "A Tale of Two Features" (NeurIPS 2023): every tap is reduced to the components
    that the two images share, all taps are resized to the largest and joined, and the result and
    the encoder's map, each with norm 1 per cell, are put side by side.

    Args:
        components: Per tap. Default 256 (official).

    Raises:
        ValueError: Fewer than one component.
    """

    def __init__(self, components: int = 256) -> None:
        self.components = integer('components', components, 1)

    def __call__(
        self, source: Mapping[Any, Tensor], target: Mapping[Any, Tensor], encoder: Any = None
    ) -> tuple[Tensor, Tensor]:
        """Join the maps of two images.

        Args:
            source: Maps (C_i, h_i, w_i) of one image.
            target: Maps of the other, of the same keys.
            encoder: Key of the encoder's maps, which are not reduced; None: there are none.

        Returns:
            A map (C, h, w) for each image.
        """
        pairs = [joint_pca(source[k], target[k], self.components) for k in source if k != encoder]
        joined = [_concatenate(side) for side in zip(*pairs)]
        if encoder in source:
            joined = [
                _concatenate([F.normalize(own, dim=0), F.normalize(maps[encoder].float(), dim=0)])
                for own, maps in zip(joined, (source, target))
            ]
        return joined[0], joined[1]


def _concatenate(maps: Sequence[Tensor]) -> Tensor:
    size = max((tuple(value.shape[1:]) for value in maps), key=lambda side: side[0] * side[1])
    resized = [
        F.interpolate(value[None], size=size, mode='bilinear', align_corners=False)[0]
        for value in maps
    ]
    return torch.cat(resized)
