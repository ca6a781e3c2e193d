# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What compares a student with its teacher."""

from .repfusion_distiller import FeaturePair, RepFusionDistiller
from .student_taps import StudentTap, StudentTaps, find_module

__all__ = ['FeaturePair', 'RepFusionDistiller', 'StudentTap', 'StudentTaps', 'find_module']
