# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The mean uncertainty of an ensemble over the images of a test set."""

from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from mmdiffrep.registry import METRICS


@METRICS.register_module()
class MeanUncertainty(BaseMetric):
    """Mean of the images' ``uncertainty_score``, which DDPM-Seg prints with the mean IoU.

    The result is ``uncertainty``, in nats, for models such as ``PixelEnsembleSegmentor`` whose
    predictions have a score.

    The arguments are those of mmengine's ``BaseMetric``: ``collect_device``, ``prefix`` and
    ``collect_dir``.
    """

    def process(self, data_batch: dict[str, Any], data_samples: Sequence[dict[str, Any]]) -> None:
        """Collect the scores."""
        for sample in data_samples:
            if 'uncertainty_score' not in sample:
                raise ValueError(
                    'MeanUncertainty needs predictions with an `uncertainty_score`, as '
                    'mmdiffrep.PixelEnsembleSegmentor gives them; remove it from the evaluator'
                )
            self.results.append(float(sample['uncertainty_score']))

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Return the mean of the scores, NaN without any."""
        return dict(uncertainty=sum(results) / len(results) if results else float('nan'))
