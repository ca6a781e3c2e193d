# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Features of a labeled data set, stored as small pooled maps in a feature bank.

Nothing is computed twice, and nothing stale is read.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from rich.progress import track
from torch import Tensor
from torch.utils.data import Subset

from mmdiffrep.analysis.cells import Cell, GridModel
from mmdiffrep.analysis.data import ImageSource
from mmdiffrep.feature_bank import (
    AugmentedView,
    FeatureBank,
    build_feature_bank,
    content_hash,
)
from mmdiffrep.feature_bank.images import read_sample
from mmdiffrep.measures import labels_of
from mmdiffrep.utils.checks import distinct

ONE_VIEW = (0,)


class StoredSplit:
    """The features of a split's images in banks, and their labels.

    Args:
        source: The images.
        models: What is read of them. With several processes each computes its share.
        root: Where banks are.
        views: Which views are stored.
        augmentations: Of the views but the first, see
            :class:`~mmdiffrep.feature_bank.views.AugmentedView`.
        max_bytes: Greatest size of a bank; None: what the disk holds.

    Attributes:
        labels: (N,) int64.

    Raises:
        ValueError: Models of one name, no labels, an image that cannot be read, or a bank that
            would be too large.
        OSError: The disk is full.
    """

    def __init__(
        self,
        source: ImageSource,
        models: Sequence[GridModel],
        root: str | Path,
        views: Sequence[int] = ONE_VIEW,
        augmentations: Sequence[str] = (),
        max_bytes: int | None = None,
    ) -> None:
        distinct('names of models', [model.name for model in models])
        self.name = source.name
        self.views = tuple(views)
        self._images: dict[int, list[str]] = {}
        self._banks: dict[tuple[str, int], FeatureBank] = {}
        for view in self.views:
            augmented = AugmentedView(source.dataset, view, augmentations)
            images = Subset(augmented, source.indices)
            self._images[view], self.labels = _read_through(images, source.name)
            for model in models:
                reader = model.readers[view]
                built = build_feature_bank(
                    images, reader, root, max_bytes, hashes=self._images[view]
                )
                self._banks[model.name, view] = built.bank

    def __len__(self) -> int:
        return len(self.labels)

    def read(
        self,
        model: GridModel,
        cell: Cell,
        chosen: Tensor | None = None,
        views: Sequence[int] = ONE_VIEW,
    ) -> Tensor:
        """Read the features of a cell.

        Args:
            model: Whose cell it is.
            cell: What to read.
            chosen: (N,) bool, which images; None: all.
            views: Of them.

        Returns:
            (V, n, width) in the dtype that is stored.
        """
        wanted = range(len(self)) if chosen is None else chosen.nonzero().flatten().tolist()
        rows = []
        for view in views:
            images = [self._images[view][i] for i in wanted]
            maps = self._banks[model.name, view].gather(images, model.cells[cell])
            rows.append(_pooled(maps, cell.pool))
        return torch.stack(rows)


def _read_through(images: Subset, name: str) -> tuple[list[str], Tensor]:
    """Content hashes and labels."""
    hashes, labels = [], []
    hidden = get_rank() != 0
    for index in track(range(len(images)), f'reading the {name}', transient=True, disable=hidden):
        sample = read_sample(images, index)
        hashes.append(content_hash(sample['inputs']))
        labels.append(labels_of([sample['data_samples']]))
    return hashes, torch.cat(labels)


def _pooled(maps: Tensor, pool: int) -> Tensor:
    """(N, h, w, C) to (N, C * pool^2), in the order of a flattened map (C, pool, pool)."""
    maps = maps.permute(0, 3, 1, 2)
    if maps.shape[2] != pool:
        maps = F.adaptive_avg_pool2d(maps.float(), pool).to(maps.dtype)
    return maps.flatten(1)
