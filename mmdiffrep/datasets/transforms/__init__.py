# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pipeline steps that the hosts lack."""

from importlib.util import find_spec

from mmdiffrep.datasets.transforms.check_seg_map import (
    LOADING_ERRORS,
    CheckSegMap,
    check_masks_when_loaded,
    name_damaged_file,
)
from mmdiffrep.datasets.transforms.forget_original_size import ForgetOriginalSize
from mmdiffrep.datasets.transforms.load_toy_face import LoadToyFace
from mmdiffrep.datasets.transforms.pack_image import PackImage
from mmdiffrep.datasets.transforms.random_view import RandomView
from mmdiffrep.datasets.transforms.read_rgb import ReadRGB
from mmdiffrep.registry import TRANSFORMS
from mmdiffrep.utils.stand_in import register_stand_in

if find_spec('mmcv') is not None:
    from mmdiffrep.datasets.transforms.left_right_flip import LeftRightFlip
else:
    LeftRightFlip = register_stand_in(TRANSFORMS, 'LeftRightFlip', 'mmcv')

if find_spec('mmseg') is not None:
    from mmdiffrep.datasets.transforms.pack_byte_seg_inputs import PackByteSegInputs
else:
    PackByteSegInputs = register_stand_in(TRANSFORMS, 'PackByteSegInputs', 'mmseg')

__all__ = [
    'LOADING_ERRORS',
    'CheckSegMap',
    'ForgetOriginalSize',
    'LeftRightFlip',
    'LoadToyFace',
    'PackByteSegInputs',
    'PackImage',
    'RandomView',
    'ReadRGB',
    'check_masks_when_loaded',
    'name_damaged_file',
]
