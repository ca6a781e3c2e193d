# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Draw corresponding points of two images, and where one point could be."""

import colorsys

import cv2
import numpy as np

HEIGHT = 384  # of every panel
GAP = 12


def draw_matches(
    source: np.ndarray,
    target: np.ndarray,
    source_points: np.ndarray,
    target_points: np.ndarray,
    heat: np.ndarray | None = None,
) -> np.ndarray:
    """Draw two images side by side with lines between the matches.

    Args:
        source: RGB uint8 (H, W, 3).
        target: RGB uint8 (H', W', 3).
        source_points: (K, 2), x and y in source pixels.
        target_points: (K, 2), x and y in target pixels.
        heat: Similarity (H', W') of the first point with the target, drawn over the target in a
            third panel; None: two panels.

    Returns:
        RGB uint8 picture, 384 pixels high.
    """
    left, scale_left = _panel(source)
    right, scale_right = _panel(target)
    panels = [left, right]
    if heat is not None:
        panels.append(_panel(similarity_overlay(target, heat))[0])
    gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    row = [panels[0]]
    for panel in panels[1:]:
        row += [gap, panel]
    picture = np.ascontiguousarray(np.concatenate(row, axis=1))
    offset = left.shape[1] + GAP
    for number, (point, match) in enumerate(zip(source_points, target_points)):
        hue = number / max(len(source_points), 1)
        color = tuple(int(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.9, 1.0))
        start = tuple(round(float(v)) for v in (np.asarray(point) + 0.5) * scale_left)
        end = tuple(round(float(v)) for v in (np.asarray(match) + 0.5) * scale_right)
        end = (end[0] + offset, end[1])
        cv2.line(picture, start, end, color, 1, cv2.LINE_AA)
        for place in (start, end):
            cv2.circle(picture, place, 5, (0, 0, 0), -1, cv2.LINE_AA)
            cv2.circle(picture, place, 4, color, -1, cv2.LINE_AA)
    return picture


def _panel(image: np.ndarray) -> tuple[np.ndarray, float]:
    scale = HEIGHT / image.shape[0]
    width = max(round(image.shape[1] * scale), 1)
    return cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_CUBIC), scale


def similarity_overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Color an image by a similarity (H, W): the lower half dark, the highest light.

    Returns:
        RGB uint8 (H, W, 3).
    """
    low, high = np.percentile(heat, 50), heat.max()
    level = np.clip((heat - low) / max(high - low, 1e-6), 0, 1)
    colors = cv2.applyColorMap((255 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    return cv2.addWeighted(gray, 0.4, np.ascontiguousarray(colors), 0.6, 0)
