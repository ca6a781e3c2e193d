# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Segmentors that mmseg lacks."""

from mmdiffrep.models.segmentors.pixel_ensemble_segmentor import PixelEnsembleSegmentor

__all__ = ['PixelEnsembleSegmentor']
