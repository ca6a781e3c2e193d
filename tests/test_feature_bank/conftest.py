# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler
from mmengine.registry import init_default_scope

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.feature_bank import FeatureReader
from mmdiffrep.testing import tiny_teacher, tiny_vae


class Pictures:
    """Random 16 px images, packed as hosts do; a number is a picture."""

    def __init__(self, numbers):
        self.numbers = list(numbers)

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(self.numbers[index])
        image = torch.randint(0, 256, (3, 16, 16), generator=generator).byte()
        return dict(inputs=image, data_samples=self.numbers[index])

    def get_data_info(self, index):
        return dict(img_path=f'picture_{self.numbers[index]}.png')


@pytest.fixture(scope='session')
def denoiser():
    torch.manual_seed(0)
    return load_denoiser(tiny_teacher())


@pytest.fixture(scope='session')
def model_folder(denoiser, tmp_path_factory):
    """The same denoiser as a diffusers folder."""
    folder = tmp_path_factory.mktemp('model')
    denoiser.network.save_pretrained(folder / 'unet')
    DDPMScheduler(num_train_timesteps=20).save_pretrained(folder / 'scheduler')
    return str(folder)


@pytest.fixture
def pictures():
    return Pictures


@pytest.fixture
def reader_of(denoiser):
    """Readers of one random denoiser, whose passes are counted in ``reader.passes``."""

    def make(taps=('mid', 'dec.1'), timesteps=(3, 15), model=denoiser, **options):
        reader = FeatureReader(model, taps, timesteps, **options)
        read, reader.passes = reader.extract.read, []

        def count(images, **options):
            reader.passes.append(len(images))
            return read(images, **options)

        reader.extract.read = count
        return reader

    return make


@pytest.fixture
def reader(reader_of):
    return reader_of()


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


@pytest.fixture
def bank_of(model_folder, tmp_path):
    """A config of the wrapped data set; keywords go to the reader."""

    def config(dataset=None, **reader):
        images = dict(type='mmdiffrep.RandomSegmentation', length=6)
        bank = dict(model=model_folder, taps=['mid', 'dec.1'], timesteps=[3, 15], **reader)
        root = str(tmp_path / 'banks')
        return dict(
            type='mmdiffrep.FeatureBankDataset', dataset=dataset or images, bank=bank, root=root
        )

    return config


@pytest.fixture
def mmpretrain_scope():
    import mmpretrain.models  # noqa: F401

    init_default_scope('mmpretrain')
