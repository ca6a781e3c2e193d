# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""For notebooks and scripts: features without configs, students and models of your own images."""

from mmdiffrep.apis.pretraining import Pretrained, pretrain
from mmdiffrep.apis.segmentation_inferencer import Segmentation, SegmentationInferencer
from mmdiffrep.apis.teacher_comparison import compare_teachers
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.matching import CorrespondenceMatcher

__all__ = [
    'CorrespondenceMatcher',
    'FeatureExtractor',
    'Pretrained',
    'Segmentation',
    'SegmentationInferencer',
    'compare_teachers',
    'pretrain',
]
