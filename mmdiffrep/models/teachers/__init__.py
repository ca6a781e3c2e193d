# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Frozen networks that students learn from."""

from .base import Teacher
from .build import build_teacher
from .dpm_teacher import DPMTeacher
from .host_teacher import HostTeacher, build_host_model
from .normalisation import check_normalisation, normalisation_of

__all__ = [
    'DPMTeacher',
    'HostTeacher',
    'Teacher',
    'build_host_model',
    'build_teacher',
    'check_normalisation',
    'normalisation_of',
]
