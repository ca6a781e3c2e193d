# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Every test starts from the same seed, on one thread, and without a network."""

import os
import random
import signal

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
from PIL import Image

torch.set_num_threads(1)
cv2.setNumThreads(1)
# A runner lays out its config five times with yapf, which takes seconds for nested ones.
mmengine.config.config.FormatCode = lambda text, **_: (text, False)
settings.register_profile('mmdiffrep', deadline=None, derandomize=True)
settings.load_profile('mmdiffrep')


@pytest.fixture(scope='session', autouse=True)
def own_cache(tmp_path_factory):
    """Hashes and prompts are kept for the tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMDIFFREP_CACHE', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(autouse=True)
def same_seed():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_leftovers_of_other_runs():
    """mmengine keeps loggers and visualizers by name and second: the next test gets its own.

    A run that fails by intent does not give back SIGTERM, which ours remembers.
    """
    on_sigterm = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, on_sigterm)
    classes = [ManagerMixin]
    while classes:
        cls = classes.pop()
        cls._instance_dict.clear()
        classes.extend(cls.__subclasses__())


@pytest.fixture
def trained_ensemble(tmp_path):
    """Config file and checkpoint of a tiny ensemble of three classes, at 16 px."""
    from diffusers import DDPMScheduler
    from mmengine.config import Config

    from mmdiffrep.diffusion.denoisers import load_denoiser
    from mmdiffrep.registry import MODELS
    from mmdiffrep.testing import tiny_teacher

    folder = tmp_path / 'ensemble'
    load_denoiser(tiny_teacher()).network.save_pretrained(folder / 'denoiser')
    DDPMScheduler().save_pretrained(folder / 'denoiser')
    pixels = dict(mean=[127.5] * 3, std=[127.5] * 3)
    model = dict(
        type='mmdiffrep.PixelEnsembleSegmentor',
        data_preprocessor=dict(type='mmseg.SegDataPreProcessor', bgr_to_rgb=True, **pixels),
        backbone=dict(
            type='mmdiffrep.DPMBackbone',
            denoiser=str(folder / 'denoiser'),
            taps=['dec.1', 'dec.3'],
            timesteps=[1],
            input=dict(pixels, channel_order='rgb'),
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
    """Three faces in each split: random pixels, masks of blocks, at the size of the real ones."""
    root = tmp_path_factory.mktemp('celebamask')
    (root / 'images').mkdir()
    (root / 'masks').mkdir()
    rng = np.random.default_rng(0)
    for split in ('train', 'val', 'test'):
        names = [f'{split}{index}' for index in range(3)]
        for name in names:
            image = rng.integers(0, 256, (512, 512, 3), np.uint8)
            Image.fromarray(image).save(root / 'images' / f'{name}.jpg')
            blocks = rng.integers(0, 19, (8, 8), np.uint8)
            Image.fromarray(blocks.repeat(64, 0).repeat(64, 1)).save(root / 'masks' / f'{name}.png')
        (root / f'{split}.txt').write_text('\n'.join(names) + '\n')
    return root
