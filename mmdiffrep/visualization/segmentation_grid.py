# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A picture that compares segmentations: one image per row, one method per column."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mmdiffrep.utils.checks import as_many


def colorize(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Turn labels ``(H, W)`` into RGB uint8 ``(H, W, 3)``; labels without a color become white."""
    table = np.array([*palette, (255, 255, 255)], dtype=np.uint8)
    known = (labels >= 0) & (labels < len(palette))
    return table[np.where(known, labels, len(palette))]


def draw_segmentation_grid(
    path: str | Path,
    images: Sequence[np.ndarray],
    columns: Mapping[str, Sequence[np.ndarray]],
    palette: Sequence[Sequence[int]],
    title: str = '',
) -> None:
    """Draw images and label maps side by side.

    Args:
        path (str or Path): The PNG to write; its folder must exist.
        images (sequence): RGB uint8 images, ``(H, W, 3)`` each.
        columns (mapping): Heading to label maps ``(H, W)``, one per image, or to RGB pictures
            ``(H, W, 3)``, which are shown as they are.
        palette (sequence): RGB color of every class.
        title (str): Heading of the picture. Defaults to none.

    Raises:
        ValueError: A column does not have one label map per image.
    """
    for name, maps in columns.items():
        as_many(f'the label maps of column {name!r}', maps, 'images', images)
    rows, cols = len(images), 1 + len(columns)
    figure = Figure(figsize=(1.7 * cols, 1.7 * rows + 0.6), layout='constrained')
    figure.suptitle(title)
    axes = figure.subplots(rows, cols, squeeze=False)
    for row, image in enumerate(images):
        axes[row, 0].imshow(image)
        for col, maps in enumerate(columns.values(), start=1):
            shown = maps[row] if maps[row].ndim == 3 else colorize(maps[row], palette)
            axes[row, col].imshow(shown, interpolation='nearest')
    for axis, heading in zip(axes[0], ['input', *columns]):
        axis.set_title(heading, fontsize=10)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.savefig(path, dpi=110)
