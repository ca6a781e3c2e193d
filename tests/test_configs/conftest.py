# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from copy import deepcopy
from functools import partial

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from PIL import Image

from mmdiffrep.registry import MODELS


@pytest.fixture
def build_without_memory(monkeypatch):
    """Builds the model of a config as a runner does, but on the meta device."""
    # mmpretrain reads numbers off one while it builds a model.
    monkeypatch.setattr(torch, 'linspace', partial(torch.linspace, device='cpu'))

    def build(cfg):
        model = deepcopy(cfg.model)  # some models write into their config
        if 'data_preprocessor' in cfg:
            model.setdefault('data_preprocessor', deepcopy(cfg.data_preprocessor))
        with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device('meta'):
            return MODELS.build(model)

    return build


@pytest.fixture(scope='session')
def face68(tmp_path_factory):
    """Five faces of random points for training and three for test."""
    root = tmp_path_factory.mktemp('face68')
    (root / 'images').mkdir()
    rng = np.random.default_rng(0)
    header = ['file', *(f'{axis}{i}' for i in range(68) for axis in 'xy')]
    for split, count in (('train', 5), ('test', 3)):
        rows = [header]
        for index in range(count):
            name = f'{split}{index}.jpg'
            image = rng.integers(0, 256, (128, 128, 3), np.uint8)
            Image.fromarray(image).save(root / 'images' / name)
            rows.append([name, *(f'{v:.3f}' for v in rng.uniform(21, 107, 136))])
        (root / f'{split}.csv').write_text('\n'.join(map(','.join, rows)) + '\n')
    return root


@pytest.fixture(scope='session')
def celebamask(tmp_path_factory):
    """Three faces of random pixels and masks in each split."""
    root = tmp_path_factory.mktemp('celebamask')
    (root / 'images').mkdir()
    (root / 'masks').mkdir()
    rng = np.random.default_rng(0)
    for split in ('train', 'val', 'test'):
        names = [f'{split}{index}' for index in range(3)]
        for name in names:
            image = rng.integers(0, 256, (96, 96, 3), np.uint8)
            Image.fromarray(image).save(root / 'images' / f'{name}.jpg')
            mask = rng.integers(0, 19, (96, 96), np.uint8)
            Image.fromarray(mask).save(root / 'masks' / f'{name}.png')
        (root / f'{split}.txt').write_text('\n'.join(names) + '\n')
    return root
