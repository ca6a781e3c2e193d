# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Data sets and their transforms; importing this package registers them."""

from importlib.util import find_spec

from mmdiffrep.datasets.balanced_subset import BalancedSubset
from mmdiffrep.datasets.correspondence import (
    DAVIS,
    HPatches,
    LandmarkPairs,
    PFPascal,
    PFWillow,
    SPair71k,
)
from mmdiffrep.datasets.fashion_mnist import FashionMNISTDataset
from mmdiffrep.datasets.few_shot_subset import FewShotSubset
from mmdiffrep.datasets.image_list_dataset import ImageListDataset
from mmdiffrep.datasets.toyfaces_dataset import ToyFacesDataset
from mmdiffrep.datasets.transforms import (
    CheckSegMap,
    ForgetOriginalSize,
    LeftRightFlip,
    LoadToyFace,
    PackByteSegInputs,
    PackImage,
    RandomView,
    ReadRGB,
)
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.stand_in import register_stand_in

if find_spec('mmseg') is not None:
    from mmdiffrep.datasets.celebamask_hq import CelebAMaskHQDataset
    from mmdiffrep.datasets.dataset_ddpm import DatasetDDPM
    from mmdiffrep.datasets.ddpm_seg import DDPMSegDataset
else:
    CelebAMaskHQDataset, DatasetDDPM, DDPMSegDataset = (
        register_stand_in(DATASETS, name, 'mmseg')
        for name in ('CelebAMaskHQDataset', 'DatasetDDPM', 'DDPMSegDataset')
    )

if find_spec('mmpose') is not None:
    from mmdiffrep.datasets.face_landmark_csv import FaceLandmarkCsvDataset
else:
    FaceLandmarkCsvDataset = register_stand_in(DATASETS, 'FaceLandmarkCsvDataset', 'mmpose')

__all__ = [
    'DAVIS',
    'BalancedSubset',
    'CelebAMaskHQDataset',
    'CheckSegMap',
    'DDPMSegDataset',
    'DatasetDDPM',
    'FaceLandmarkCsvDataset',
    'FashionMNISTDataset',
    'FewShotSubset',
    'ForgetOriginalSize',
    'HPatches',
    'ImageListDataset',
    'LandmarkPairs',
    'LeftRightFlip',
    'LoadToyFace',
    'PFPascal',
    'PFWillow',
    'PackByteSegInputs',
    'PackImage',
    'RandomView',
    'ReadRGB',
    'SPair71k',
    'ToyFacesDataset',
]
