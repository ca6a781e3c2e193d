# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What all matchers without training have in common."""

import pytest
import torch

from mmdiffrep.matching.baselines import RGBPatches
from mmdiffrep.models.matchers import PointMatcher
from mmdiffrep.models.matchers.pair_matcher import build_matcher


def test_kinds():
    assert build_matcher(dict(kind='same_position')) is None
    assert isinstance(build_matcher(dict(kind='rgb_patches', patch=3)), RGBPatches)
    with pytest.raises(ValueError, match="kind must be one of .*'same_position', got 'sift'"):
        build_matcher(dict(kind='sift'))
    with pytest.raises(ValueError, match="'same_position' has no argument 'patch'"):
        build_matcher(dict(kind='same_position', patch=3))


def test_there_is_nothing_to_train():
    matcher = PointMatcher(dict(kind='same_position'))
    image = torch.zeros(3, 4, 4, dtype=torch.uint8)
    with pytest.raises(ValueError, match="mode must be one of 'predict', got 'loss'"):
        matcher(dict(source=[image], target=[image]), [None], mode='loss')
