# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A picture of the timesteps sampled in the course of a run."""

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw_timestep_map(
    iterations: Sequence[int],
    shares: np.ndarray,
    mean_t: np.ndarray,
    entropy: np.ndarray,
    num_timesteps: int,
    title: str = '',
) -> np.ndarray:
    """Draw a heat map of iteration and timestep, with curves of mean timestep and entropy.

    Args:
        iterations (sequence of int): Iteration at the end of every row of ``shares``, rising.
        shares (np.ndarray): Share of the samples by row and bucket of timesteps, ``(rows,
            buckets)``, each row adding up to 1.
        mean_t (np.ndarray): Mean timestep of every row, ``(rows,)``.
        entropy (np.ndarray): Entropy of the policy in nats, ``(rows,)``; a curve is drawn unless
            all values are NaN.
        num_timesteps (int): Timesteps that the buckets cover.
        title (str): Heading. Defaults to none.

    Returns:
        np.ndarray: RGB picture, uint8 ``(H, W, 3)``.
    """
    learned = not np.all(np.isnan(entropy))
    figure = Figure(figsize=(8, 6 if learned else 4), dpi=100, layout='constrained')
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    ratios = [3, 1] if learned else [1]
    axes = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]

    edges = np.concatenate([[0], iterations])
    levels = np.linspace(0, num_timesteps, shares.shape[1] + 1)
    colors = axes[0].pcolormesh(edges, levels, shares.T, cmap='magma', vmin=0)
    figure.colorbar(colors, ax=axes[0], label='share of the draws')
    # Curves pass through the middle of each row.
    middles = (edges[1:] + edges[:-1]) / 2
    axes[0].plot(middles, mean_t, color='tab:cyan', marker='.', markersize=3, label='mean')
    axes[0].legend(loc='upper right', fontsize=8)
    axes[0].set(ylabel='timestep', ylim=(0, num_timesteps))
    if learned:
        axes[1].plot(middles, entropy, color='tab:blue', marker='.', markersize=3)
        axes[1].set(ylabel='entropy (nats)', ylim=(0, None))
    axes[-1].set(xlabel='iteration', xlim=(0, edges[-1]))
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
