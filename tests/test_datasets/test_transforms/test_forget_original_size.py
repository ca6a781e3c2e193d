# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
from mmcv.transforms import Resize
from mmseg.datasets.transforms import PackSegInputs

from mmdiffrep.datasets.transforms import ForgetOriginalSize


def test_mask_and_image_meet_at_the_size_of_the_model():
    results = dict(
        img=np.zeros((48, 32, 3), np.uint8),
        img_shape=(48, 32),
        ori_shape=(48, 32),
        gt_seg_map=np.zeros((48, 32), np.uint8),
        seg_fields=['gt_seg_map'],
    )
    for transform in (Resize(scale=(16, 16)), ForgetOriginalSize(), PackSegInputs()):
        results = transform(results)
    sample = results['data_samples']
    assert sample.ori_shape == sample.gt_sem_seg.shape == (16, 16)
