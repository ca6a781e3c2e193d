# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pack an image without labels."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from mmdiffrep.datasets.transforms.base import Transform
from mmdiffrep.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackImage(Transform):
    """Turn ``img`` (H, W, 3) into a tensor, for models that need no labels.

    The result is ``dict(inputs, data_samples)``: ``inputs`` (3, H, W) with the type and channel
    order of ``img`` (uint8 BGR after the usual loaders), and a ``BaseDataElement`` whose meta
    information holds ``meta_keys``.

    Args:
        meta_keys: Entries to keep as meta information; keys that a sample lacks are left out.
            Default ``('img_path', 'ori_shape', 'img_shape', 'flip')``.
    """

    def __init__(
        self, meta_keys: Sequence[str] = ('img_path', 'ori_shape', 'img_shape', 'flip')
    ) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack one sample."""
        image = np.ascontiguousarray(results['img'].transpose(2, 0, 1))
        meta = {key: results[key] for key in self.meta_keys if key in results}
        return dict(inputs=torch.from_numpy(image), data_samples=BaseDataElement(metainfo=meta))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
