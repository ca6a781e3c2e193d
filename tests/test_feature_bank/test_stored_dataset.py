# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from typing import ClassVar

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset

from mmdiffrep.registry import DATASETS


def toy_faces(num_images=4, image_size=32, *transforms):
    return dict(
        type='mmdiffrep.ToyFacesDataset',
        task='cls',
        attribute='glasses',
        split='train',
        num_images=num_images,
        image_size=image_size,
        pipeline=[dict(type='mmdiffrep.LoadToyFace'), *transforms, dict(type='PackInputs')],
    )


def test_image_that_is_not_in_the_bank_is_named(bank_of, mmpretrain_scope):
    folder = str(DATASETS.build(bank_of(toy_faces())).bank.folder)
    more = DATASETS.build(dict(bank_of(toy_faces(5)), bank=folder))
    more[3]
    with pytest.raises(ValueError, match=r'image 4 \(toyfaces/train/000004\) is not in'):
        more[4]


def test_random_pipeline_is_refused(bank_of, mmpretrain_scope):
    flip = dict(type='RandomFlip', prob=0.5)
    with pytest.raises(ValueError, match='is another image when it is read again'):
        DATASETS.build(bank_of(toy_faces(12, 32, flip)))
    folder = str(DATASETS.build(bank_of(toy_faces(12))).bank.folder)
    flipped = DATASETS.build(dict(bank_of(toy_faces(12, 32, flip)), bank=folder))
    with pytest.raises(ValueError, match='the pipeline draws random numbers'):
        [flipped[index] for index in range(12)]


class RedImages(BaseDataset):
    """As CIFAR: RGB arrays that no loader of files reads."""

    METAINFO: ClassVar[dict] = dict(classes=('red',))

    def load_data_list(self):
        red = np.zeros((16, 16, 3), np.uint8)
        red[..., 0] = 200
        return [dict(img=red)]


@pytest.mark.parametrize('declared', ['rgb', 'bgr'])
def test_channel_order_is_that_of_the_data_set(bank_of, declared):
    RedImages.channel_order = declared
    DATASETS.register_module(module=RedImages, force=True)
    images = dict(type='mmdiffrep.RedImages', pipeline=[dict(type='mmdiffrep.PackImage')])
    found = DATASETS.build(bank_of(images))
    told, other = (DATASETS.build(bank_of(images, channel_order=x)) for x in ('rgb', 'bgr'))
    expected = told if declared == 'rgb' else other
    assert found.bank.recipe.channel_order == declared
    maps, right = found[0]['inputs'], expected[0]['inputs']
    assert all(torch.equal(maps[key], right[key]) for key in maps)
    wrong = other if declared == 'rgb' else told
    with pytest.raises(ValueError, match='red and blue swapped'):
        DATASETS.build(dict(bank_of(images), bank=str(wrong.bank.folder)))


def test_channel_order_that_is_unknown_has_to_be_given(bank_of):
    kind = type('OwnImages', (RedImages,), dict(channel_order=None))
    DATASETS.register_module(module=kind, force=True)
    images = dict(type='mmdiffrep.OwnImages', pipeline=[dict(type='mmdiffrep.PackImage')])
    with pytest.raises(ValueError, match="say channel_order='bgr' or 'rgb' in bank"):
        DATASETS.build(bank_of(images))
    assert len(DATASETS.build(bank_of(images, channel_order='rgb')).bank) == 1
