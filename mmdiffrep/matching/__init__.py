# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Matching between feature maps: plain tensors in, points or masks out."""

from mmdiffrep.matching.adaptive_flip import best_flip, instance_distance
from mmdiffrep.matching.baselines import RGBPatches
from mmdiffrep.matching.homography import corner_error, estimate_homography
from mmdiffrep.matching.join_maps import join_maps
from mmdiffrep.matching.joint_pca import JointPCA, joint_pca
from mmdiffrep.matching.keypoints import detect_keypoints, keypoint_vectors, read_keypoints
from mmdiffrep.matching.label_propagation import LabelPropagator
from mmdiffrep.matching.matcher import CorrespondenceMatcher
from mmdiffrep.matching.mutual import mutual_nearest
from mmdiffrep.matching.nearest import (
    map_coordinates,
    nearest,
    sample_vectors,
    similarity_maps,
    upsampled_norm,
)
from mmdiffrep.matching.presets import PRESETS
from mmdiffrep.matching.window_soft_argmax import window_soft_argmax

__all__ = [
    'PRESETS',
    'CorrespondenceMatcher',
    'JointPCA',
    'LabelPropagator',
    'RGBPatches',
    'best_flip',
    'corner_error',
    'detect_keypoints',
    'estimate_homography',
    'instance_distance',
    'join_maps',
    'joint_pca',
    'keypoint_vectors',
    'map_coordinates',
    'mutual_nearest',
    'nearest',
    'read_keypoints',
    'sample_vectors',
    'similarity_maps',
    'upsampled_norm',
    'window_soft_argmax',
]
