# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Keypoints of an image and the vectors of a feature map at them (DIFT on HPatches)."""

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.matching.nearest import Size
from mmdiffrep.utils.checks import integer
from mmdiffrep.utils.existing_files import require_file


def read_keypoints(path: str | Path) -> np.ndarray:
    """Read a text file of two numbers per line, x and y, as published with DIFT.

    Returns:
        (N, 2) float32; equal points once, in ascending order.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Another form; the message names the file.
    """
    path = Path(path)
    require_file(path)
    try:
        points = np.loadtxt(path, dtype=np.float32, ndmin=2)
    except ValueError as error:
        raise ValueError(f'{path} must have x and y on every line: {error}') from error
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f'{path} must have x and y on every line, got {points.shape} numbers.')
    return np.unique(points, axis=0)


def detect_keypoints(image: np.ndarray, number: int = 1000) -> np.ndarray:
    """Find corners through OpenCV (Shi and Tomasi, 1994).

    Args:
        image: RGB uint8 (H, W, 3).
        number: Greatest number of points. Default 1000 (DIFT has as many SuperPoint keypoints).

    Returns:
        (N, 2) float32, x and y, in ascending order.
    """
    integer('number', number, 1)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    points = cv2.goodFeaturesToTrack(gray, number, qualityLevel=0.001, minDistance=4)
    found = np.zeros((0, 2), np.float32) if points is None else points[:, 0]
    return np.unique(found, axis=0)


def keypoint_vectors(feature: Tensor, points: Tensor, size: Size) -> Tensor:
    """Read a map at keypoints as DIFT's evaluation on HPatches does.

    Coordinates are divided by half of (side - 1), but read by a ``grid_sample`` that counts sides
    from the outer edges of the border pixels, with zeros beyond the map (official). So a vector
    lies up to half a pixel beside that of
    :func:`~mmdiffrep.matching.nearest.sample_vectors`.

    Args:
        feature: Map (C, h, w).
        points: (K, 2), x and y in pixels of the image.
        size: Height and width of the image.

    Returns:
        Vectors (K, C), float32.
    """
    height, width = size
    center = torch.tensor([(width - 1) / 2, (height - 1) / 2], device=feature.device)
    grid = (points.to(feature.device, torch.float32) - center) / center
    sampled = F.grid_sample(feature[None].float(), grid[None, :, None], align_corners=False)
    return sampled[0, :, :, 0].T
