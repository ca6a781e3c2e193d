# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Toy faces: drawn, not photographed, with masks, landmarks and attributes that are exact."""

from mmdiffrep.datasets.toyfaces.face import ATTRIBUTES, Face, sample_face
from mmdiffrep.datasets.toyfaces.render import ToyFace, render_face

__all__ = ['ATTRIBUTES', 'Face', 'ToyFace', 'render_face', 'sample_face']
