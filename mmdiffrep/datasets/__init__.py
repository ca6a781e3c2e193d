# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Data sets and their transforms; importing this room registers them."""

from importlib.util import find_spec
from typing import Any

from mmdiffrep.datasets.image_list_dataset import ImageListDataset
from mmdiffrep.datasets.toyfaces_dataset import ToyFacesDataset
from mmdiffrep.datasets.transforms import CheckSegMap, LeftRightFlip, LoadToyFace, PackImage
from mmdiffrep.registry import DATASETS

if find_spec('mmseg') is not None:
    from mmdiffrep.datasets.celebamask_hq import CelebAMaskHQDataset
else:

    @DATASETS.register_module()
    def CelebAMaskHQDataset(**_config: Any) -> None:  # noqa: N802
        """Stand in for the data set where mmsegmentation is not installed."""
        raise ImportError(
            'CelebAMaskHQDataset is an mmsegmentation data set, and mmsegmentation is not '
            "installed. Install it with: pip install 'mmdiffrep[seg]'"
        )


__all__ = [
    'CelebAMaskHQDataset',
    'CheckSegMap',
    'ImageListDataset',
    'LeftRightFlip',
    'LoadToyFace',
    'PackImage',
    'ToyFacesDataset',
]
