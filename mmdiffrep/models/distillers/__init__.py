# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What compares a student with its teacher."""

from .feature_pair import FeaturePair
from .repfusion_distiller import RepFusionDistiller, by_branch
from .student_taps import StudentTap, StudentTaps, find_module
from .timestep_branch import Reading, TimestepBranch

__all__ = [
    'FeaturePair',
    'Reading',
    'RepFusionDistiller',
    'StudentTap',
    'StudentTaps',
    'TimestepBranch',
    'by_branch',
    'find_module',
]
