# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Score a segmentation at the size that the model sees, not at the size of the file."""

from mmdiffrep.datasets.transforms.base import Transform
from mmdiffrep.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ForgetOriginalSize(Transform):
    """Declare the current size of the image to be its original size.

    mmseg resizes predictions to the original size, where ``LoadAnnotations`` after ``Resize``
    leaves the mask. With ``LoadAnnotations`` before ``Resize`` and this transform after it,
    prediction and mask have the size that the model sees, as in DDPM-Seg's evaluation.

    Reads ``img_shape`` (H, W); modifies ``ori_shape``.
    """

    def transform(self, results: dict) -> dict:
        """Return ``results`` with another ``ori_shape``."""
        results['ori_shape'] = tuple(results['img_shape'][:2])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
