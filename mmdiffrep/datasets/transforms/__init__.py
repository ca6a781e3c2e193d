# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pipeline steps that the hosts lack."""

from mmdiffrep.datasets.transforms.check_seg_map import (
    LOADING_ERRORS,
    CheckSegMap,
    check_masks_when_loaded,
    name_damaged_file,
)
from mmdiffrep.datasets.transforms.forget_original_size import ForgetOriginalSize
from mmdiffrep.datasets.transforms.left_right_flip import LeftRightFlip
from mmdiffrep.datasets.transforms.load_toy_face import LoadToyFace
from mmdiffrep.datasets.transforms.pack_image import PackImage

__all__ = [
    'LOADING_ERRORS',
    'CheckSegMap',
    'ForgetOriginalSize',
    'LeftRightFlip',
    'LoadToyFace',
    'PackImage',
    'check_masks_when_loaded',
    'name_damaged_file',
]
