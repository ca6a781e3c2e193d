# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Accuracy of every probe of a ``MultiProbeHead``."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric

from mmdiffrep.registry import METRICS


@METRICS.register_module()
class MultiProbeAccuracy(BaseMetric):
    """Top-1 accuracy of each probe in percent, and the best of them.

    The keys are ``probe/t<timestep>/<tap>`` and ``probe/best``. The best of many probes, chosen on
    the images that it is reported on, is biased upwards: choose on other images, as
    ``tools/analysis/sweep.py`` does.

    The arguments are those of mmengine's ``BaseMetric``: ``collect_device`` and ``prefix``, which
    defaults to ``'probe'``.

    Raises:
        ValueError: Predictions of another head, at the first batch.
    """

    default_prefix = 'probe'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep which probes are right on each image.

        Args:
            data_batch: Not read.
            data_samples (sequence of dict): Predictions of a ``MultiProbeHead``.
        """
        for sample in data_samples:
            if 'probe_labels' not in sample or 'gt_label' not in sample:
                raise ValueError(
                    'MultiProbeAccuracy needs probe_labels, which mmdiffrep.MultiProbeHead gives, '
                    f'and gt_label; there are {sorted(sample)}'
                )
            right = sample['probe_labels'] == sample['gt_label']
            self.results.append((tuple(sample['probe_names']), right.cpu()))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Average over the images.

        Args:
            results (list): Per image, the names of the probes and whether each is right.

        Returns:
            dict: Accuracies in percent; without images the best is NaN.
        """
        if not results:
            return dict(best=float('nan'))
        right = torch.stack([row for _, row in results]).double().mean(0) * 100
        accuracies = dict(zip(results[0][0], right.tolist()))
        return {**accuracies, 'best': max(accuracies.values())}
