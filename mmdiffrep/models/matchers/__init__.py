# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Matching as models with a test step."""

from mmdiffrep.models.matchers.homography_matcher import HomographyMatcher
from mmdiffrep.models.matchers.hyperfeature_matcher import HyperfeatureMatcher
from mmdiffrep.models.matchers.image_maps import ImageMaps
from mmdiffrep.models.matchers.point_matcher import PointMatcher
from mmdiffrep.models.matchers.video_propagator import VideoPropagator

__all__ = [
    'HomographyMatcher',
    'HyperfeatureMatcher',
    'ImageMaps',
    'PointMatcher',
    'VideoPropagator',
]
