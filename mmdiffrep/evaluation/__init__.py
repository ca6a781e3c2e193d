# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Metrics that the hosts lack; importing this room registers them."""

from importlib.util import find_spec
from typing import Any

from mmdiffrep.evaluation.davis_jf import DavisJF
from mmdiffrep.evaluation.mean_uncertainty import MeanUncertainty
from mmdiffrep.evaluation.multi_probe_accuracy import MultiProbeAccuracy
from mmdiffrep.evaluation.pck import PCK
from mmdiffrep.registry import METRICS

if find_spec('mmpose') is not None:
    from mmdiffrep.evaluation.subset_nme import SubsetNME
else:

    @METRICS.register_module()
    def SubsetNME(**_config: Any) -> None:  # noqa: N802
        """Stand in for the metric where mmpose is not installed."""
        raise ImportError(
            'SubsetNME is an mmpose metric, and mmpose is not installed. Install it with: '
            "pip install 'mmdiffrep[pose]'"
        )


if find_spec('mmseg') is not None:
    from mmdiffrep.evaluation.ddpm_seg_iou import DDPMSegIoU
else:

    @METRICS.register_module()
    def DDPMSegIoU(**_config: Any) -> None:  # noqa: N802
        """Stand in for the metric where mmsegmentation is not installed."""
        raise ImportError(
            'DDPMSegIoU is an mmsegmentation metric, and mmsegmentation is not installed. Install '
            "it with: pip install 'mmdiffrep[seg]'"
        )


__all__ = ['PCK', 'DDPMSegIoU', 'DavisJF', 'MeanUncertainty', 'MultiProbeAccuracy', 'SubsetNME']
