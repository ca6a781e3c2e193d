# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Frozen networks that students learn from."""

from .dpm_teacher import DPMTeacher

__all__ = ['DPMTeacher']
