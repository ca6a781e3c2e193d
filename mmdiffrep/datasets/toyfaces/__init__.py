# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Drawn faces with exact masks, landmarks and attributes."""

from mmdiffrep.datasets.toyfaces.face import ATTRIBUTES, Face, sample_face
from mmdiffrep.datasets.toyfaces.render import ToyFace, render_face

__all__ = ['ATTRIBUTES', 'Face', 'ToyFace', 'render_face', 'sample_face']
