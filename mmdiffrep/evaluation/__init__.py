# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Metrics that the hosts lack; importing this package registers them."""

from importlib.util import find_spec

from mmdiffrep.evaluation.davis_jf import DavisJF
from mmdiffrep.evaluation.homography_accuracy import HomographyAccuracy
from mmdiffrep.evaluation.mean_uncertainty import MeanUncertainty
from mmdiffrep.evaluation.multi_probe_accuracy import MultiProbeAccuracy
from mmdiffrep.evaluation.pck import PCK
from mmdiffrep.registry import METRICS
from mmdiffrep.utils.stand_in import register_stand_in

if find_spec('mmpose') is not None:
    from mmdiffrep.evaluation.subset_nme import SubsetNME
    from mmdiffrep.evaluation.visible_nme import VisibleNME
else:
    SubsetNME = register_stand_in(METRICS, 'SubsetNME', 'mmpose')
    VisibleNME = register_stand_in(METRICS, 'VisibleNME', 'mmpose')

if find_spec('mmseg') is not None:
    from mmdiffrep.evaluation.ddpm_seg_iou import DDPMSegIoU
else:
    DDPMSegIoU = register_stand_in(METRICS, 'DDPMSegIoU', 'mmseg')

__all__ = [
    'PCK',
    'DDPMSegIoU',
    'DavisJF',
    'HomographyAccuracy',
    'MeanUncertainty',
    'MultiProbeAccuracy',
    'SubsetNME',
    'VisibleNME',
]
