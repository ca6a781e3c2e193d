# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Latents in the place of images."""

import numpy as np
import pytest
import torch

from mmdiffrep.feature_bank import FeatureReader, LatentDataset, build_feature_bank
from mmdiffrep.registry import DATASETS
from mmdiffrep.testing import tiny_teacher


@pytest.fixture
def build(images, vae_folder, tmp_path):
    def make(**overrides):
        reader = dict(vae=vae_folder(), size=16)
        cfg = dict(dataset=images, reader=reader, root=str(tmp_path / 'banks'))
        return DATASETS.build(dict(type='mmdiffrep.LatentDataset', **{**cfg, **overrides}))

    return make


def test_samples_keep_their_labels(build):
    dataset = build()
    assert isinstance(dataset, LatentDataset) and len(dataset) == 6
    labels = [dataset[index]['data_samples'].gt_label.item() for index in range(6)]
    assert sorted(labels) == [0, 0, 0, 1, 1, 1]
    latent = dataset[0]['inputs']
    assert latent.shape == (4, 8, 8) and latent.dtype == torch.float16
    assert torch.equal(latent, dataset[0]['inputs'])
    assert dataset.metainfo['classes'] == ('class0', 'class1')
    assert dataset.get_data_info(0)['img_path'].endswith('.png')


def test_latents_are_computed_once(build, monkeypatch):
    first = build()
    monkeypatch.setattr('mmdiffrep.feature_bank.LatentReader.__call__', None)
    assert torch.equal(build()[3]['inputs'], first[3]['inputs'])


def test_views_are_drawn_from_their_copies(build):
    dataset = build(views=3)
    copies = [dataset.read(0, view)['inputs'] for view in range(3)]
    assert not torch.equal(copies[0], copies[1]) and not torch.equal(copies[1], copies[2])
    np.random.seed(0)
    drawn = [dataset[0]['inputs'] for _ in range(20)]
    counts = [sum(torch.equal(one, copy) for one in drawn) for copy in copies]
    assert sum(counts) == 20 and min(counts) > 0
    np.random.seed(0)
    assert all(torch.equal(dataset[0]['inputs'], one) for one in drawn), 'follows the seed'


def test_a_bank_of_another_vae_is_refused(build, vae_folder):
    folder = str(build().bank.folder)
    assert torch.equal(build(bank=folder)[0]['inputs'], build()[0]['inputs'])
    with pytest.raises(ValueError, match=r'latents of another VAE: .*vae_0.*has .*vae_1'):
        build(bank=folder, reader=dict(vae=vae_folder(1), size=16))
    with pytest.raises(ValueError, match='size: 16 here, 32 there'):
        build(bank=folder, reader=dict(vae=vae_folder(), size=32))


def test_a_bank_of_features_is_refused(build, tmp_path):
    reader = FeatureReader(tiny_teacher(), ['mid'], [3])
    folder = build_feature_bank(build().dataset, reader, tmp_path / 'features').bank.folder
    with pytest.raises(ValueError, match='holds features of UNet2DModel.*no latents'):
        build(bank=str(folder))


def test_a_bank_with_fewer_views_names_the_image(build):
    folder = str(build(views=1).bank.folder)
    dataset = build(bank=folder, views=2)
    dataset.read(0, 0)
    with pytest.raises(ValueError, match=r'image 0 \(.*\.png\) is not in .*fewer views'):
        dataset.read(0, 1)


def test_bad_arguments(build, vae_folder):
    with pytest.raises(ValueError, match='views must be at least 0'):
        build(views=-1)
    with pytest.raises(ValueError, match='Did you mean size'):
        build(reader=dict(vae=vae_folder(), sizes=16))
    with pytest.raises(FileNotFoundError, match='no feature bank'):
        build(bank='nowhere')
