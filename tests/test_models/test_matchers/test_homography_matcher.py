# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import BaseDataElement

from mmdiffrep.matching import corner_error
from mmdiffrep.models.matchers import HomographyMatcher
from mmdiffrep.testing import tiny_teacher


def pair(matrix, seed=0):
    """Smooth noise and the same under a homography, with keypoints that correspond."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
    image = cv2.resize(small, (96, 96), interpolation=cv2.INTER_CUBIC)
    warped = cv2.warpPerspective(image, matrix, (96, 96))
    points = rng.uniform(20, 76, (60, 2))
    moved = cv2.perspectiveTransform(points[None], matrix)[0]
    sample = BaseDataElement(metainfo=dict(homography=matrix, source_size=(96, 96)))
    sample.source_keypoints = torch.tensor(points).float()
    sample.target_keypoints = torch.tensor(moved).float()
    inputs = [torch.from_numpy(picture).permute(2, 0, 1) for picture in (image, warped)]
    return dict(source=[inputs[0]], target=[inputs[1]]), sample


SHIFT = np.array([[1.0, 0.02, 3], [0.0, 1.0, -2], [0, 0, 1]])


@pytest.mark.parametrize(('metric', 'method'), [('cosine', 'lmeds'), ('l2', 'ransac')])
def test_a_known_homography_is_found(metric, method):
    colors = dict(kind='rgb_patches', size=96, patch=5)
    model = HomographyMatcher(colors, metric=metric, method=method)
    inputs, sample = pair(SHIFT)
    (sample,) = model(inputs, [sample])
    assert corner_error(sample.pred_homography, SHIFT, (96, 96)) < 2
    assert len(sample.pred_source_points) == len(sample.pred_target_points) > 20


def test_equal_to_the_official_form():
    model = HomographyMatcher(dict(model=tiny_teacher(), taps=['dec.1'], timesteps=[3], size=16))
    inputs, sample = pair(SHIFT)
    (sample,) = model(inputs, [sample])
    # DIFT's eval_hpatches.py and eval_homography.py, written down from them
    descriptors = []
    for image, points in (
        (inputs['source'][0], sample.source_keypoints),
        (inputs['target'][0], sample.target_keypoints),
    ):
        feature = model.maps.matcher.features(image.float() / 127.5 - 1)[None]
        center = torch.tensor([(96 - 1) / 2.0, (96 - 1) / 2.0])
        normalized = ((points - center) / center)[None]
        sampled = F.grid_sample(feature, normalized.unsqueeze(2)).squeeze(-1)
        descriptors.append(F.normalize(sampled.transpose(1, 2)[0]))
    similarity = descriptors[0] @ descriptors[1].t()
    nn12, nn21 = similarity.max(1)[1], similarity.max(0)[1]
    mask = torch.arange(len(nn12)) == nn21[nn12]
    first = sample.source_keypoints[mask].numpy().reshape(-1, 1, 2).astype(np.float32)
    second = sample.target_keypoints[nn12[mask]].numpy().reshape(-1, 1, 2).astype(np.float32)
    official, _ = cv2.findHomography(first, second, cv2.LMEDS, ransacReprojThreshold=3)
    np.testing.assert_allclose(sample.pred_homography, official, rtol=1e-6, atol=1e-9)


def test_same_position_scales_to_the_target():
    inputs, sample = pair(SHIFT)
    inputs['target'] = [torch.zeros(3, 48, 96, dtype=torch.uint8)]
    (sample,) = HomographyMatcher(dict(kind='same_position'))(inputs, [sample])
    assert sample.pred_homography.tolist() == [[1, 0, 0], [0, 0.5, 0], [0, 0, 1]]


def test_too_few_matches_give_no_homography():
    inputs, sample = pair(SHIFT)
    sample.source_keypoints = sample.source_keypoints[:3]
    (sample,) = HomographyMatcher(dict(kind='rgb_patches'))(inputs, [sample])
    assert sample.pred_homography is None


def test_unknown_options():
    with pytest.raises(ValueError, match='metric must be one of'):
        HomographyMatcher(dict(kind='same_position'), metric='l1')
    with pytest.raises(ValueError, match='method must be one of'):
        HomographyMatcher(dict(kind='same_position'), method='magsac')
