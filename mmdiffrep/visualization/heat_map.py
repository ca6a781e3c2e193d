# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Heat maps with their numbers, side by side and on the same scale."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def draw_heat_maps(
    panels: Mapping[str, np.ndarray],
    rows: Sequence[str],
    columns: Sequence[str],
    row_title: str,
    column_title: str,
    title: str = '',
    label: str = '',
    scale: float = 1.0,
) -> Figure:
    """Draw one heat map per panel; the best entry of each has a frame.

    Args:
        panels (mapping): Heading to values ``(rows, columns)``; NaN stays empty.
        rows (sequence of str): Names of the rows.
        columns (sequence of str): Names of the columns.
        row_title (str): What the rows are.
        column_title (str): What the columns are.
        title (str): Heading of the figure. Defaults to none.
        label (str): Label of the color bar. Defaults to none.
        scale (float): Factor of the written numbers. Defaults to 1.

    Returns:
        Figure: The figure, not saved yet.

    Raises:
        ValueError: Values of the wrong shape, or none that is finite.
    """
    shape = (len(rows), len(columns))
    wrong = {name: values.shape for name, values in panels.items() if values.shape != shape}
    if wrong or not panels:
        raise ValueError(f'Expected panels of shape {shape}, got {wrong or "none"}.')
    everything = np.stack([values * scale for values in panels.values()])
    if not np.isfinite(everything).any():
        raise ValueError('There is no finite value to draw.')
    low, high = np.nanmin(everything), np.nanmax(everything)
    width = 1.4 + (0.9 + 0.5 * len(columns)) * len(panels)
    figure = Figure(figsize=(max(5.0, width), 2.2 + 0.3 * len(rows)), layout='constrained')
    figure.suptitle(title, fontsize=10)
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for name, values, axes in zip(panels, everything, grid):
        image = axes.imshow(values, vmin=low, vmax=high, cmap='viridis', aspect='auto')
        axes.set_title(name, fontsize=10)
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha='right', fontsize=8)
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
        axes.set_xlabel(column_title)
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                color = 'black' if value > (low + high) / 2 else 'white'
                axes.text(
                    column, row, f'{value:.1f}', ha='center', va='center', color=color, fontsize=7
                )
        if np.isfinite(values).any():
            best = np.unravel_index(np.nanargmax(values), shape)
            frame = Rectangle((best[1] - 0.5, best[0] - 0.5), 1, 1)
            frame.set(fill=False, edgecolor='red', linewidth=2)
            axes.add_patch(frame)
    grid[0].set_ylabel(row_title)
    figure.colorbar(image, ax=list(grid), label=label, shrink=0.9)
    return figure
