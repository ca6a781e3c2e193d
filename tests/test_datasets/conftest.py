# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

SIDE = 8


@pytest.fixture
def pictures(tmp_path):
    """Folder of two images and their masks of 3 classes."""
    for kind in ('images', 'masks'):
        (tmp_path / kind).mkdir()
    labels = (np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 3).astype(np.uint8)
    for name in 'ab':
        Image.fromarray(np.full((SIDE, SIDE, 3), 128, np.uint8)).save(
            tmp_path / 'images' / f'{name}.jpg'
        )
        Image.fromarray(labels).save(tmp_path / 'masks' / f'{name}.png')
    return tmp_path


@pytest.fixture
def checked(pictures):
    """Build a checked data set of ``pictures``."""
    from mmdiffrep.datasets.checked_seg_dataset import CheckedSegDataset

    def build(*pipeline, masks='masks'):
        loading = (dict(type='LoadImageFromFile'), dict(type='mmseg.LoadAnnotations'))
        return CheckedSegDataset(
            data_root=str(pictures),
            data_prefix=dict(img_path='images', seg_map_path=masks),
            metainfo=dict(classes=('a', 'b', 'c')),
            pipeline=list(pipeline or loading),
        )

    return build
