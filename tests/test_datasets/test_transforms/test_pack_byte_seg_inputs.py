# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Segmentation labels that stay bytes until they are on the device."""

import pickle

import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate, pseudo_collate
from mmseg.datasets.transforms import PackSegInputs
from mmseg.models import SegDataPreProcessor

from mmdiffrep.datasets.transforms import PackByteSegInputs


def sample(labels: np.ndarray) -> dict:
    height, width = labels.shape
    image = np.zeros((height, width, 3), np.uint8)
    return dict(img=image, gt_seg_map=labels, img_shape=(height, width), ori_shape=(height, width))


def labels_of(sizes: list[int]) -> list[dict]:
    rng = np.random.default_rng(0)
    return [sample(rng.choice([0, 3, 18, 255], (n, n)).astype(np.uint8)) for n in sizes]


def test_labels_travel_as_bytes() -> None:
    packed = PackByteSegInputs()(labels_of([4])[0])
    sent = pickle.loads(pickle.dumps(packed))['data_samples'].gt_sem_seg.data
    assert sent.dtype == torch.uint8
    assert sent.shape == (1, 4, 4)


@pytest.mark.parametrize(
    ('collate', 'sizes'),
    [(default_collate, [4, 4]), (pseudo_collate, [4, 4]), (pseudo_collate, [4, 6])],
)
def test_the_model_gets_what_mmseg_packs(collate, sizes: list[int]) -> None:
    got = []
    for pack in (PackByteSegInputs(), PackSegInputs()):
        preprocess = SegDataPreProcessor(
            mean=[0.0] * 3, std=[1.0] * 3, size=(6, 6), pad_val=0, seg_pad_val=255
        )
        data = preprocess(collate([pack(dict(entry)) for entry in labels_of(sizes)]), True)
        got.append(data['data_samples'])
    for ours, theirs in zip(*got):
        assert ours.gt_sem_seg.data.dtype == torch.int64
        assert torch.equal(ours.gt_sem_seg.data, theirs.gt_sem_seg.data)
        assert ours.metainfo.keys() == theirs.metainfo.keys()


@pytest.mark.parametrize('label', [300, -1])
def test_labels_that_are_not_bytes_stay(label: int) -> None:
    packed = PackByteSegInputs()(sample(np.full((4, 4), label, np.int32)))
    assert packed['data_samples'].gt_sem_seg.data.dtype == torch.int64
    assert (packed['data_samples'].gt_sem_seg.data == label).all()


def test_images_without_labels() -> None:
    entry = labels_of([4])[0]
    del entry['gt_seg_map']
    assert 'gt_sem_seg' not in PackByteSegInputs()(entry)['data_samples']


def test_other_fields_and_types_are_moved_as_they_are():
    labels = PackByteSegInputs()(labels_of([4])[0])['data_samples'].gt_sem_seg
    labels.weight = torch.ones(1, 4, 4)
    assert labels.to('cpu').weight.dtype == torch.float32
    assert labels.to(torch.float16).data.dtype == torch.float16
    assert isinstance(labels.numpy().to('cpu').data, np.ndarray)
