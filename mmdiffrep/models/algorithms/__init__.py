# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Whole models that no host toolbox has."""

from mmdiffrep.models.algorithms.ddpm import DDPM
from mmdiffrep.models.algorithms.distillation_student import DistillationStudent
from mmdiffrep.models.algorithms.edm import EDM
from mmdiffrep.models.algorithms.foreach_ema import ForeachEMA

__all__ = ['DDPM', 'EDM', 'DistillationStudent', 'ForeachEMA']
