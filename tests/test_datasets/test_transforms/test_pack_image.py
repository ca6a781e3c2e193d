# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch

from mmdiffrep.datasets import PackImage


def test_keeps_type_and_channel_order():
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    packed = PackImage()(dict(img=image[:, ::-1], img_path='a', flip=True))
    assert packed['inputs'].dtype == torch.uint8
    assert packed['inputs'].shape == (3, 4, 6)
    assert np.array_equal(packed['inputs'].numpy().transpose(1, 2, 0), image[:, ::-1])
    assert packed['data_samples'].metainfo == dict(img_path='a', flip=True)


def test_meta_keys():
    packed = PackImage(meta_keys=['a'])(dict(img=np.zeros((2, 2, 3), np.uint8), a=1, b=2))
    assert packed['data_samples'].metainfo == dict(a=1)
