# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Homography accuracy: how often an estimated homography is right within some pixels."""

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric

from mmdiffrep.matching.homography import corner_error
from mmdiffrep.registry import METRICS
from mmdiffrep.utils.checks import positive


@METRICS.register_module()
class HomographyAccuracy(BaseMetric):
    """Share of pairs whose corners land within some pixels of the true place, in percent.

    The error of a pair is the mean distance of the four corners of its first image under the
    estimated and the true homography (official: DIFT's ``eval_homography.py``); a pair without an
    estimate is wrong. ``accuracy@3px`` over all pairs, ``illumination/accuracy@3px`` and
    ``viewpoint/accuracy@3px`` over their own.

    Args:
        thresholds: In pixels. Default ``(1, 3, 5)`` (official).
        collect_device: As in mmengine.
        prefix: As in mmengine.

    Raises:
        ValueError: A threshold that is not positive.
    """

    def __init__(
        self,
        thresholds: Sequence[float] = (1, 3, 5),
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.thresholds = [positive('thresholds', value) for value in thresholds]

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Collect the corner errors of a batch."""
        for sample in data_samples:
            error = corner_error(
                sample['pred_homography'], sample['homography'], sample['source_size']
            )
            self.results.append(dict(category=sample['category'], error=error))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over all pairs, and over those of each category."""
        metrics = {}
        groups = ['', *sorted({row['category'] for row in results})]
        for group in groups:
            errors = np.array([row['error'] for row in results if group in ('', row['category'])])
            for threshold in self.thresholds:
                key = f'accuracy@{threshold:g}px'
                accuracy = 100 * float((errors <= threshold).mean()) if len(errors) else np.nan
                metrics[f'{group}/{key}' if group else key] = accuracy
        return metrics
