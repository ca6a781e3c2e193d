# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""J and F of video object segmentation (Perazzi et al., CVPR 2016), as DAVIS 2017 defines them."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmengine.evaluator import BaseMetric

from mmdiffrep.registry import METRICS
from mmdiffrep.utils.image_files import read_masks

BOUNDARY_TOLERANCE = 0.008  # of the image diagonal (official)
VOID = 255


@METRICS.register_module()
class DavisJF(BaseMetric):
    """Region similarity J (IoU), boundary accuracy F, and their mean, in percent.

    Averaged over the frames of an object, without the first and the last frame, then over all
    objects (official: semi-supervised evaluation of DAVIS 2017). A frame that is void everywhere,
    and a sequence without a frame in between, count nowhere. ``J``, ``F``, ``J&F``, and
    ``J&F/<sequence>``.

    Args:
        collect_device: As in mmengine.
        prefix: As in mmengine.
    """

    def __init__(self, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Score the sequences of a batch."""
        for sample in data_samples:
            predicted = np.asarray(sample['pred_masks'].cpu())
            true = read_masks(sample['masks'])
            objects = [number for number in np.unique(true[0]) if number not in (0, VOID)]
            for number in objects:
                scores = [
                    object_scores(predicted[frame] == number, true[frame] == number, true[frame])
                    for frame in range(1, len(true) - 1)
                    if (true[frame] != VOID).any()
                ]
                if scores:
                    j, f = np.mean(scores, axis=0)
                    self.results.append(dict(sequence=sample['sequence'], j=float(j), f=float(f)))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over objects."""
        metrics = _means(results, '')
        for sequence in sorted({row['sequence'] for row in results}):
            chosen = [row for row in results if row['sequence'] == sequence]
            metrics[f'J&F/{sequence}'] = _means(chosen, '')['J&F']
        return metrics


def _means(rows: list[dict], suffix: str) -> dict[str, float]:
    if not rows:
        return {f'J{suffix}': np.nan, f'F{suffix}': np.nan, f'J&F{suffix}': np.nan}
    j, f = (100 * float(np.mean([row[key] for row in rows])) for key in 'jf')
    return {f'J{suffix}': j, f'F{suffix}': f, f'J&F{suffix}': (j + f) / 2}


def object_scores(
    predicted: np.ndarray, true: np.ndarray, labels: np.ndarray | None = None
) -> tuple[float, float]:
    """Return J and F of one object in one frame.

    Args:
        predicted: (H, W) bool.
        true: (H, W) bool.
        labels: (H, W) object numbers; pixels of 255 count nowhere.
    """
    void = np.zeros_like(true) if labels is None else labels == VOID
    predicted, true = predicted & ~void, true & ~void
    return region_similarity(predicted, true), boundary_accuracy(predicted, true)


def region_similarity(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the IoU of two masks (H, W) bool; 1 if both are empty."""
    union = (predicted | true).sum()
    return float((predicted & true).sum() / union) if union else 1.0


def boundary_accuracy(
    predicted: np.ndarray, true: np.ndarray, tolerance: float = BOUNDARY_TOLERANCE
) -> float:
    """Return the F measure of boundary pixels that lie near the other mask's boundary.

    Args:
        predicted: (H, W) bool.
        true: (H, W) bool.
        tolerance: Distance as a share of the image diagonal, rounded up to pixels.
    """
    radius = int(np.ceil(tolerance * np.linalg.norm(true.shape)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (x * x + y * y <= radius * radius).astype(np.uint8)
    edges = [boundary(mask).astype(np.uint8) for mask in (predicted, true)]
    wide = [cv2.dilate(edge, disk) for edge in edges]
    counts = [int(edge.sum()) for edge in edges]
    if not counts[0] and not counts[1]:
        return 1.0
    if not counts[0] or not counts[1]:
        return 0.0
    precision = (edges[0] * wide[1]).sum() / counts[0]
    recall = (edges[1] * wide[0]).sum() / counts[1]
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def boundary(mask: np.ndarray) -> np.ndarray:
    """Mark the pixels whose right, lower or lower right neighbor is on the other side."""
    padded = np.pad(mask.astype(bool), ((0, 1), (0, 1)), mode='edge')
    here, right = padded[:-1, :-1], padded[:-1, 1:]
    below, across = padded[1:, :-1], padded[1:, 1:]
    return (here != right) | (here != below) | (here != across)
