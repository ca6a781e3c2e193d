# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from torch.utils.data import Subset

from mmdiffrep.datasets import ImageListDataset
from mmdiffrep.feature_bank.images import content_hash, image_name, read_sample


def test_hash_is_that_of_the_pixels():
    image = torch.arange(48, dtype=torch.uint8).view(3, 4, 4)
    digest = content_hash(image)
    assert len(digest) == 32
    assert digest == content_hash(image.clone())
    assert digest == content_hash(image.permute(1, 2, 0).contiguous().permute(2, 0, 1))
    changed = image.clone()
    changed[0, 0, 0] = 1
    others = [changed, image.view(3, 2, 8), image.float(), image.flip(2)]
    assert len({digest, *map(content_hash, others)}) == 5


def test_unreadable_image_is_named(tmp_path):
    (tmp_path / 'broken.png').write_bytes(b'no image')
    dataset = ImageListDataset(
        data_root=str(tmp_path),
        pipeline=[dict(type='mmcv.LoadImageFromFile'), dict(type='mmdiffrep.PackImage')],
    )
    with pytest.raises(ValueError, match=r'image 0 \(.*broken\.png\) cannot be read'):
        read_sample(dataset, 0)


@pytest.mark.parametrize(
    ('sample', 'message'),
    [
        (dict(img=np.zeros((4, 4, 3))), r'Pack.* image 0 it gives \[.img.\]'),
        (dict(inputs=np.zeros((3, 4, 4))), 'must end in a Pack'),
        (torch.zeros(3, 4, 4), 'it gives Tensor'),
        (dict(inputs=torch.zeros(4, 4)), r'image 0 as an image \(3, H, W\), got shape \(4, 4\)'),
        (dict(inputs=torch.zeros(1, 4, 4)), 'as an image'),
        (dict(inputs=torch.zeros(3, 0, 4)), 'as an image'),
    ],
)
def test_samples_without_an_image_are_refused(sample, message):
    with pytest.raises(ValueError, match=message):
        read_sample([sample], 0)


def test_name_tells_number_and_file_of_a_subset(pictures):
    assert image_name(Subset(pictures([7, 8, 9]), [2]), 0) == 'image 2 (picture_9.png)'
    assert image_name([0], 0) == 'image 0'
