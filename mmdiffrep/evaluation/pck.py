# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""PCK: the percentage of points that are matched correctly."""

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric

from mmdiffrep.registry import METRICS
from mmdiffrep.utils.checks import list_of, one_of, positive

THRESHOLDS = ('box', 'image')


@METRICS.register_module()
class PCK(BaseMetric):
    """Share of points whose match lies near enough to the true place, in percent.

    A match is correct if its distance is at most ``alpha`` times the longer side of the object box
    (SPair-71k) or of the image, in the target. Papers report the mean over points or the mean over
    images of their shares, and the two differ by several points, so both are given:
    ``box/PCK@0.1`` per point and ``box/PCK@0.1_per_image``, the same per category as
    ``box/PCK@0.1/<category>``, if there is more than one.

    Args:
        alphas: Shares of the side. Default ``(0.1,)`` (SPair-71k).
        thresholds: ``'box'``, ``'image'`` or both. Default ``('box',)``.
        collect_device: As in mmengine.
        prefix: As in mmengine.

    Raises:
        ValueError: An unknown threshold, or an alpha that is not positive.
    """

    def __init__(
        self,
        alphas: Sequence[float] = (0.1,),
        thresholds: Sequence[str] = ('box',),
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        list_of('alphas', alphas, float)
        list_of('thresholds', thresholds, str)
        self.alphas = [positive('alphas', alpha) for alpha in alphas]
        self.thresholds = [one_of('thresholds', name, THRESHOLDS) for name in thresholds]

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Collect the distances of a batch, relative to the box and to the image."""
        for sample in data_samples:
            predicted = np.asarray(sample['pred_points'].cpu(), np.float64)
            true = np.asarray(sample['target_points'].cpu(), np.float64)
            left, top, right, bottom = sample['target_box']
            sides = dict(box=max(right - left, bottom - top), image=max(sample['target_size']))
            distance = np.linalg.norm(predicted - true, axis=1)
            self.results.append(
                dict(
                    category=sample['category'],
                    **{name: distance / sides[name] for name in self.thresholds},
                )
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over points and over images; images without points count nowhere."""
        metrics = {}
        for name in self.thresholds:
            for alpha in self.alphas:
                key = f'{name}/PCK@{alpha:g}'
                hits = [(row['category'], row[name] <= alpha) for row in results if len(row[name])]
                metrics.update(_averages(key, [hit for _, hit in hits]))
                categories = sorted({category for category, _ in hits})
                for category in categories if len(categories) > 1 else ():
                    chosen = [hit for other, hit in hits if other == category]
                    averages = _averages(key, chosen)
                    metrics.update({f'{k}/{category}': v for k, v in averages.items()})
        return metrics


def _averages(key: str, hits: list[np.ndarray]) -> dict[str, float]:
    if not hits:
        return {key: float('nan'), f'{key}_per_image': float('nan')}
    return {
        key: 100 * float(np.concatenate(hits).mean()),
        f'{key}_per_image': 100 * float(np.mean([hit.mean() for hit in hits])),
    }
