# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The place of :class:`FeatureExtractor` in 0.1; its module is now in ``mmdiffrep.diffusion``."""

from mmdiffrep.diffusion.feature_extractor import FeatureExtractor

__all__ = ['FeatureExtractor']
