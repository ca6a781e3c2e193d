# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope='module')
def labeled(tmp_path_factory):
    """Twelve images, ten of them with masks of three classes."""
    root = tmp_path_factory.mktemp('own')
    for name in ('images', 'masks'):
        (root / name).mkdir()
    for index in range(12):
        rng = np.random.default_rng(index)
        pixels = rng.integers(0, 256, (40, 48, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / 'images' / f'{index:02}.jpg')
        if index < 10:
            mask = rng.integers(0, 3, (40, 48)).astype(np.uint8)
            mask[0] = 255
            Image.fromarray(mask).save(root / 'masks' / f'{index:02}.png')
    return root / 'images', root / 'masks'
