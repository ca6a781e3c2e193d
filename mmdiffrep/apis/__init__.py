# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""For notebooks and scripts: diffusion features without configs, trained models on your images."""

from mmdiffrep.apis.segmentation_inferencer import Segmentation, SegmentationInferencer
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.matching import CorrespondenceMatcher

__all__ = ['CorrespondenceMatcher', 'FeatureExtractor', 'Segmentation', 'SegmentationInferencer']
