# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Two images and the points they share."""

from dataclasses import replace

import numpy as np
import pytest

from mmdiffrep.datasets.correspondence.pair import ImagePair

PAIR = ImagePair(
    source=np.zeros((4, 5, 3), np.uint8),
    target=np.zeros((6, 7, 3), np.uint8),
    source_points=np.array([[1, 2]], np.float32),
    target_points=np.array([[3, 4]], np.float32),
    target_box=np.array([0, 0, 7, 6]),
    category='cat',
    source_id='a',
    target_id='b',
)


def test_a_pair_is_packed_for_a_model():
    PAIR.check()
    packed = PAIR.pack()
    assert packed['inputs']['source'].shape == (3, 4, 5)
    sample = packed['data_samples']
    assert sample.target_points.tolist() == [[3, 4]] and sample.target_size == (6, 7)
    assert sample.target_box == (0, 0, 7, 6) and sample.category == 'cat'


@pytest.mark.parametrize(
    'change',
    [
        dict(target_points=np.zeros((2, 2))),
        dict(source_points=np.full((1, 2), np.nan)),
        dict(target_box=np.array([3, 3, 3, 3])),
    ],
)
def test_what_cannot_be_measured_names_the_images(change):
    with pytest.raises(ValueError, match='The pair a, b has points'):
        replace(PAIR, **change).check()
