# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Data sets and their transforms; importing this room registers them."""

from importlib.util import find_spec
from typing import Any

from mmdiffrep.datasets.balanced_subset import BalancedSubset
from mmdiffrep.datasets.correspondence import DAVIS, LandmarkPairs, PFPascal, PFWillow, SPair71k
from mmdiffrep.datasets.fashion_mnist import FashionMNISTDataset
from mmdiffrep.datasets.few_shot_subset import FewShotSubset
from mmdiffrep.datasets.image_list_dataset import ImageListDataset
from mmdiffrep.datasets.toyfaces_dataset import ToyFacesDataset
from mmdiffrep.datasets.transforms import (
    CheckSegMap,
    ForgetOriginalSize,
    LeftRightFlip,
    LoadToyFace,
    PackImage,
)
from mmdiffrep.registry import DATASETS

if find_spec('mmseg') is not None:
    from mmdiffrep.datasets.celebamask_hq import CelebAMaskHQDataset
    from mmdiffrep.datasets.dataset_ddpm import DatasetDDPM
    from mmdiffrep.datasets.ddpm_seg import DDPMSegDataset
else:

    @DATASETS.register_module()
    def CelebAMaskHQDataset(**_config: Any) -> None:  # noqa: N802
        """Stand in for the data set where mmsegmentation is not installed."""
        raise ImportError(
            'CelebAMaskHQDataset is an mmsegmentation data set, and mmsegmentation is not '
            "installed. Install it with: pip install 'mmdiffrep[seg]'"
        )

    @DATASETS.register_module()
    def DatasetDDPM(**_config: Any) -> None:  # noqa: N802
        """Stand in for the data set where mmsegmentation is not installed."""
        raise ImportError(
            'DatasetDDPM is an mmsegmentation data set, and mmsegmentation is not installed. '
            "Install it with: pip install 'mmdiffrep[seg]'"
        )

    @DATASETS.register_module()
    def DDPMSegDataset(**_config: Any) -> None:  # noqa: N802
        """Stand in for the data set where mmsegmentation is not installed."""
        raise ImportError(
            'DDPMSegDataset is an mmsegmentation data set, and mmsegmentation is not installed. '
            "Install it with: pip install 'mmdiffrep[seg]'"
        )


if find_spec('mmpose') is not None:
    from mmdiffrep.datasets.face_landmark_csv import FaceLandmarkCsvDataset
else:

    @DATASETS.register_module()
    def FaceLandmarkCsvDataset(**_config: Any) -> None:  # noqa: N802
        """Stand in for the data set where mmpose is not installed."""
        raise ImportError(
            'FaceLandmarkCsvDataset is an mmpose data set, and mmpose is not installed. Install '
            "it with: pip install 'mmdiffrep[pose]'"
        )


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
    'ImageListDataset',
    'LandmarkPairs',
    'LeftRightFlip',
    'LoadToyFace',
    'PFPascal',
    'PFWillow',
    'PackImage',
    'SPair71k',
    'ToyFacesDataset',
]
