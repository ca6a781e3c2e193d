# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""For notebooks and scripts: diffusion features without configs, trained models on your images."""

from .feature_extractor import FeatureExtractor
from .segmentation_inferencer import Segmentation, SegmentationInferencer

__all__ = ['FeatureExtractor', 'Segmentation', 'SegmentationInferencer']
