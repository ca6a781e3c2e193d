# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pairs of images with corresponding points."""

from mmdiffrep.datasets.correspondence.davis import DAVIS
from mmdiffrep.datasets.correspondence.hpatches import HPatches
from mmdiffrep.datasets.correspondence.landmark_pairs import LandmarkPairs
from mmdiffrep.datasets.correspondence.pair import ImagePair, PairDataset
from mmdiffrep.datasets.correspondence.pf import PFPascal, PFWillow
from mmdiffrep.datasets.correspondence.spair71k import SPair71k

__all__ = [
    'DAVIS',
    'HPatches',
    'ImagePair',
    'LandmarkPairs',
    'PFPascal',
    'PFWillow',
    'PairDataset',
    'SPair71k',
]
