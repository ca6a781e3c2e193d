# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base of the data sets of corresponding points: two images and the points they share."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.structures import BaseDataElement


@dataclass(frozen=True)
class ImagePair:
    """Two images and the points that they share.

    Attributes:
        source: RGB uint8 (H, W, 3).
        target: RGB uint8 (H', W', 3).
        source_points: (K, 2) float32, x and y in source pixels.
        target_points: (K, 2) float32, x and y in target pixels.
        target_box: Object box in the target, x1, y1, x2, y2.
        category: Name of the category.
        source_id: What identifies the source image, for caching features.
        target_id: What identifies the target image.
    """

    source: np.ndarray
    target: np.ndarray
    source_points: np.ndarray
    target_points: np.ndarray
    target_box: np.ndarray
    category: str
    source_id: str
    target_id: str

    def check(self) -> None:
        """Check points and box.

        Raises:
            ValueError: Points that are not finite or do not pair up, or a box without a side.
        """
        points, others = np.shape(self.source_points), np.shape(self.target_points)
        given = (self.source_points, self.target_points, self.target_box)
        finite = all(np.isfinite(values).all() for values in given)
        left, top, right, bottom = self.target_box
        paired = points == others and points[1:] == (2,)
        if not (paired and finite and max(right - left, bottom - top) > 0):
            raise ValueError(
                f'The pair {self.source_id}, {self.target_id} has points of shapes {points} and '
                f'{others} and the box {[float(side) for side in self.target_box]}; expected '
                'finite numbers, (K, 2) twice, and a box x1, y1, x2, y2 with a side.'
            )

    def pack(self) -> dict[str, Any]:
        """Return ``inputs`` (two uint8 RGB tensors) and ``data_samples``, as runners expect."""
        inputs = {
            'source': torch.from_numpy(self.source.copy()).permute(2, 0, 1),
            'target': torch.from_numpy(self.target.copy()).permute(2, 0, 1),
        }
        sample = BaseDataElement(
            metainfo=dict(
                category=self.category,
                source_id=self.source_id,
                target_id=self.target_id,
                source_size=self.source.shape[:2],
                target_size=self.target.shape[:2],
                target_box=tuple(float(side) for side in self.target_box),
            )
        )
        sample.source_points = torch.as_tensor(self.source_points, dtype=torch.float32)
        sample.target_points = torch.as_tensor(self.target_points, dtype=torch.float32)
        return dict(inputs=inputs, data_samples=sample)


class PairDataset(BaseDataset):
    """Base of the data sets of image pairs; there is no pipeline, images come as they are."""

    @abstractmethod
    def pair(self, info: dict[str, Any]) -> ImagePair:
        """Read one pair, from an entry of the list of the data set."""

    def prepare_data(self, idx: int) -> dict[str, Any]:
        """Read and pack one pair.

        Raises:
            ValueError: Its points or its box cannot be measured; names the images.
        """
        pair = self.pair(self.get_data_info(idx))
        pair.check()
        return pair.pack()
