# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Estimate a homography from matches, and its error at the corners of the image."""

import cv2
import numpy as np

from mmdiffrep.utils.checks import one_of

METHODS = {'lmeds': cv2.LMEDS, 'ransac': cv2.RANSAC}


def estimate_homography(
    source: np.ndarray, target: np.ndarray, method: str = 'lmeds', threshold: float = 3.0
) -> np.ndarray | None:
    """Fit a homography to matched points through OpenCV.

    Args:
        source: (N, 2), x and y.
        target: (N, 2).
        method: ``'lmeds'`` (DIFT with Stable Diffusion) or ``'ransac'`` (with ADM).
        threshold: Largest error of an inlier in pixels, for RANSAC.

    Returns:
        (3, 3) float64; None with fewer than four points, or if OpenCV finds none.

    Raises:
        ValueError: An unknown method.
    """
    one_of('method', method, tuple(METHODS))
    if len(source) < 4:
        return None
    matrix, _ = cv2.findHomography(
        np.asarray(source, np.float64), np.asarray(target, np.float64), METHODS[method], threshold
    )
    return matrix


def corner_error(estimated: np.ndarray | None, true: np.ndarray, size: tuple[int, int]) -> float:
    """Return the mean distance between the image corners under two homographies.

    Args:
        estimated: (3, 3); None counts as infinitely wrong.
        true: (3, 3).
        size: Height and width of the source image.
    """
    if estimated is None:
        return float('inf')
    height, width = size
    corners = np.array(
        [[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float64
    )
    with np.errstate(all='ignore'):
        distance = np.linalg.norm(_project(corners, estimated) - _project(corners, true), axis=1)
    error = float(distance.mean())
    return error if np.isfinite(error) else float('inf')


def _project(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    return homogeneous[:, :2] / homogeneous[:, 2:]
