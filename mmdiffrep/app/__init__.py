# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A page in the browser: matches, features as colors, and segmentation from a few strokes."""

from mmdiffrep.app.server import PageServer
from mmdiffrep.app.session import PageSession, Reading
from mmdiffrep.app.strokes import Stroke, segment_strokes

__all__ = ['PageServer', 'PageSession', 'Reading', 'Stroke', 'segment_strokes']
