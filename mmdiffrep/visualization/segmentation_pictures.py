# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The mask of an image as a file, its overlay on the image, and its uncertainty."""

import io
import math
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mmdiffrep.utils.checks import of_shape, within
from mmdiffrep.visualization.segmentation_grid import colorize

GREATEST_UNCERTAINTY = math.log(2)  # nats: two halves of the members disagree


def draw_overlay(
    image: np.ndarray, labels: np.ndarray, palette: Sequence[Sequence[int]], opacity: float = 0.5
) -> np.ndarray:
    """Overlay the colors of a label map on its image.

    Args:
        image (np.ndarray): RGB uint8, ``(H, W, 3)``.
        labels (np.ndarray): ``(H, W)``.
        palette (sequence): RGB color of every class.
        opacity (float): Weight of the colors, 0 to 1. Defaults to 0.5.

    Returns:
        np.ndarray: RGB uint8, ``(H, W, 3)``.

    Raises:
        ValueError: Image and labels differ in size, or the opacity is out of range.
    """
    of_shape('labels of the size of the image', labels, *image.shape[:2])
    within('opacity', opacity, 0, 1)
    mixed = image * (1 - opacity) + colorize(labels, palette) * opacity
    return mixed.round().astype(np.uint8)


def draw_uncertainty(uncertainty: np.ndarray) -> np.ndarray:
    """Draw the members' divergence on a scale that is the same for all images.

    Args:
        uncertainty (np.ndarray): ``(H, W)`` in nats; black is 0, and the lightest color is ln 2 and
            above.

    Returns:
        np.ndarray: RGB uint8, ``(H, W, 3)``.
    """
    share = np.clip(uncertainty / GREATEST_UNCERTAINTY, 0, 1)
    return matplotlib.colormaps['inferno'](share, bytes=True)[..., :3].copy()


def mask_png(
    labels: np.ndarray,
    palette: Sequence[Sequence[int]],
    text: Mapping[str, str] | None = None,
) -> bytes:
    """Return a label map as a PNG whose pixel values are the labels, shown in the classes' colors.

    Args:
        labels (np.ndarray): ``(H, W)``, 0 to 255.
        palette (sequence): RGB color of every class.
        text (mapping, optional): Text entries of the PNG. Defaults to None: none.

    Raises:
        ValueError: A label that does not fit 8 bits.
    """
    if labels.min() < 0 or labels.max() > 255:
        raise ValueError(f'a PNG holds labels 0 to 255, got {labels.min()} to {labels.max()}')
    picture = Image.fromarray(labels.astype(np.uint8))
    picture.putpalette(np.array(palette, dtype=np.uint8).tobytes())
    entries = PngInfo()
    for key, value in (text or {}).items():
        entries.add_text(key, value)
    return _png(picture, entries)


def image_png(image: np.ndarray) -> bytes:
    """Return an RGB uint8 image ``(H, W, 3)`` as a PNG."""
    return _png(Image.fromarray(image))


def _png(picture: Image.Image, entries: PngInfo | None = None) -> bytes:
    with io.BytesIO() as buffer:
        picture.save(buffer, format='PNG', pnginfo=entries)
        return buffer.getvalue()
