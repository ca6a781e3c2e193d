# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read an image file as RGB, whatever is in it."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from mmdiffrep.datasets.preparation.source_files import read_image
from mmdiffrep.datasets.transforms.base import Transform
from mmdiffrep.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ReadRGB(Transform):
    """Read an image through Pillow, upright: gray, palette, alpha and 16 bits become 8-bit RGB.

    Alpha is dropped; of 16 bits the upper 8 are kept. It needs no mmcv. A JPEG that is damaged
    inside is not noticed: look through the folder once, as ``mmdiffrep pretrain`` does.

    - read: ``img_path``
    - added: ``img`` (H, W, 3) uint8 RGB, ``img_shape`` and ``ori_shape`` (H, W)

    Raises:
        DamagedSourceError: Not a complete image; the message names the file.
    """

    channel_order: ClassVar[str] = 'rgb'

    def transform(self, results: dict) -> dict:
        """Read one image."""
        results['img'] = np.asarray(read_image(Path(results['img_path']), warn=False))
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
