# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pipeline steps that the hosts lack."""

from mmdiffrep.datasets.transforms.check_seg_map import CheckSegMap
from mmdiffrep.datasets.transforms.left_right_flip import LeftRightFlip
from mmdiffrep.datasets.transforms.load_toy_face import LoadToyFace
from mmdiffrep.datasets.transforms.pack_image import PackImage

__all__ = ['CheckSegMap', 'LeftRightFlip', 'LoadToyFace', 'PackImage']
