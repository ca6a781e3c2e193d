# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Segmentors that mmseg lacks."""

from .pixel_ensemble_segmentor import PixelEnsembleSegmentor

__all__ = ['PixelEnsembleSegmentor']
