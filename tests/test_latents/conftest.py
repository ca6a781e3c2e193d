# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from mmdiffrep.testing import tiny_vae


@pytest.fixture
def vae_folder(tmp_path):
    """Makes folders of tiny VAEs."""

    def make(seed=0):
        folder = tmp_path / f'vae_{seed}'
        if not folder.exists():
            torch.manual_seed(seed)
            AutoencoderKL(**tiny_vae()).save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture
def images(tmp_path):
    """Config of a data set of six images of two classes, 16 px."""
    rng = np.random.default_rng(0)
    for number in range(6):
        folder = tmp_path / 'images' / f'class{number % 2}'
        folder.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{number}.png'), image)
    return dict(
        type='mmpretrain.CustomDataset',
        data_root=str(tmp_path / 'images'),
        pipeline=[
            dict(type='mmpretrain.LoadImageFromFile'),
            dict(type='mmpretrain.PackInputs'),
        ],
    )
