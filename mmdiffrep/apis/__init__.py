# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""For notebooks and scripts: diffusion features without configs."""

from .feature_extractor import FeatureExtractor

__all__ = ['FeatureExtractor']
