# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The normalized mean error of landmarks over the points that can be measured."""

import logging
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmpose.evaluation.metrics import NME

from mmdiffrep.registry import METRICS
from mmdiffrep.utils.checks import one_of

NORM_MODES = ('keypoint_distance', 'use_norm_item')


@METRICS.register_module()
class VisibleNME(NME):
    """mmpose's ``NME`` that never reports 0 for faces without a visible landmark.

    Two differences: a face counts only if both landmarks of its normalization are visible (with
    ``norm_mode='keypoint_distance'``), and if no face counts, the error is NaN with a warning
    (mmpose: 0.0, a perfect score). With all landmarks visible both metrics are equal.

    Arguments are those of ``NME``.
    """

    def __init__(self, norm_mode: str, **kwargs: Any) -> None:
        super().__init__(one_of('norm_mode', norm_mode, NORM_MODES), **kwargs)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Return ``NME`` of the faces that can be measured; NaN without any."""
        measured = [result for result in results if self._can_be_measured(result)]
        if len(measured) < len(results):
            print_log(
                f'{type(self).__name__}: {len(results) - len(measured)} of {len(results)} faces '
                'have no visible landmark, or not those that the error is relative to, and do not '
                'count.',
                logger='current',
                level=logging.WARNING,
            )
        return super().compute_metrics(measured) if measured else {'NME': float('nan')}

    def _can_be_measured(self, result: dict) -> bool:
        visible = np.asarray(result['mask']).reshape(-1)
        if self.norm_mode != 'keypoint_distance':
            return bool(visible.any())
        indices = self.keypoint_indices or self.DEFAULT_KEYPOINT_INDICES.get(
            self.dataset_meta['dataset_name'], []
        )
        return bool(visible.any() and visible[list(indices)].all())
