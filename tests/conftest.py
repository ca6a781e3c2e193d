# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Every test starts from the same seed, on one thread, and without a network."""

import os
import random

# Before torch, numpy and the hub's client are imported: they read these once.
os.environ['OMP_NUM_THREADS'] = '1'
os.environ['HF_HUB_OFFLINE'] = '1'
os.environ['TRANSFORMERS_OFFLINE'] = '1'
os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'

import cv2
import mmengine.config.config
import numpy as np
import pytest
import torch
from hypothesis import settings
from mmengine.utils import ManagerMixin

torch.set_num_threads(1)
cv2.setNumThreads(1)
# A runner lays out its config five times with yapf, which takes seconds for nested ones.
mmengine.config.config.FormatCode = lambda text, **_: (text, False)
settings.register_profile('mmdiffrep', deadline=None, derandomize=True)
settings.load_profile('mmdiffrep')


@pytest.fixture(autouse=True)
def same_seed():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_leftovers_of_other_runs():
    """mmengine keeps loggers and visualizers by name and second: the next test gets its own."""
    yield
    classes = [ManagerMixin]
    while classes:
        cls = classes.pop()
        cls._instance_dict.clear()
        classes.extend(cls.__subclasses__())


@pytest.fixture
def trained_ensemble(tmp_path):
    """Config file and checkpoint of a tiny ensemble of three classes, at 16 px."""
    from mmengine.config import Config

    from mmdiffrep.diffusion.denoisers import load_denoiser
    from mmdiffrep.registry import MODELS
    from mmdiffrep.testing import tiny_teacher

    folder = tmp_path / 'ensemble'
    load_denoiser(tiny_teacher()).network.save_pretrained(folder / 'denoiser')
    pixels = dict(mean=[127.5] * 3, std=[127.5] * 3)
    model = dict(
        type='mmdiffrep.PixelEnsembleSegmentor',
        data_preprocessor=dict(type='mmseg.SegDataPreProcessor', bgr_to_rgb=True, **pixels),
        backbone=dict(
            type='mmdiffrep.DPMBackbone',
            denoiser=str(folder / 'denoiser'),
            taps=['dec.1', 'dec.3'],
            timesteps=[1],
            input=pixels,
        ),
        decode_head=dict(type='mmdiffrep.PixelMLPEnsembleHead', num_classes=3, num_members=2),
    )
    loading = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    dataset = dict(
        type='mmdiffrep.FewShotSubset',
        dataset=dict(type='BaseSegDataset', pipeline=[*loading, dict(type='PackSegInputs')]),
    )
    config = Config(dict(model=model, test_dataloader=dict(dataset=dataset), default_scope='mmseg'))
    config.dump(folder / 'config.py')
    built = MODELS.build(model)
    for parameter in built.decode_head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    meta = dict(classes=('a', 'b', 'c'), palette=[[0, 0, 0], [255, 0, 0], [0, 255, 0]])
    checkpoint = dict(state_dict=built.state_dict(), meta=dict(dataset_meta=meta))
    torch.save(checkpoint, folder / 'trained.pth')
    return folder / 'config.py', folder / 'trained.pth'
