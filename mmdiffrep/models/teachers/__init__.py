# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Frozen networks that students learn from."""

from mmdiffrep.models.teachers.bank_teacher import BankTeacher
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.teachers.build import build_teacher
from mmdiffrep.models.teachers.config import teacher_config
from mmdiffrep.models.teachers.dpm_teacher import DPMTeacher
from mmdiffrep.models.teachers.encoder_teacher import EncoderTeacher
from mmdiffrep.models.teachers.host_teacher import HostTeacher
from mmdiffrep.models.teachers.normalization import check_normalization, normalization_of
from mmdiffrep.models.teachers.teacher_group import TeacherGroup

__all__ = [
    'BankTeacher',
    'DPMTeacher',
    'EncoderTeacher',
    'HostTeacher',
    'Teacher',
    'TeacherGroup',
    'build_teacher',
    'check_normalization',
    'normalization_of',
    'teacher_config',
]
