# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Accuracy of linear heads over a grid of timesteps, taps and pool sizes, all in one go."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from rich.progress import Progress
from torch import Tensor

from mmdiffrep.analysis.cells import Cell, GridModel
from mmdiffrep.analysis.stored_split import StoredSplit
from mmdiffrep.measures import (
    ProbeTraining,
    alignment,
    check_labels,
    fit_grid_probe,
    hold_out,
    uniformity,
)

GROUP_BYTES = 2**30  # of training features in memory at a time; heads do not depend on it


class CellResult(NamedTuple):
    """Accuracies of the heads of a cell.

    Attributes:
        cell: Where they read.
        held_out: Accuracies (S,) on the held-out training images, one per seed: choose by these.
        test: Accuracies (S,) on the test images.
        alignment: Between two noise draws of the test images; None: not measured.
        uniformity: Of the test images; None: not measured.
    """

    cell: Cell
    held_out: Tensor
    test: Tensor
    alignment: float | None = None
    uniformity: float | None = None

    def row(self) -> dict[str, Any]:
        """Return a row of a table."""
        values = self.cell._asdict()
        for name in ('held_out', 'test'):
            accuracies = getattr(self, name)
            values[name] = float(accuracies.mean())
            values[f'{name}_std'] = float(accuracies.std()) if len(accuracies) > 1 else None
        if self.uniformity is not None:
            values.update(alignment=self.alignment, uniformity=self.uniformity)
        return values


def sweep(
    models: Sequence[GridModel],
    train: StoredSplit,
    test: StoredSplit,
    num_classes: int,
    training: ProbeTraining | None = None,
    held_out_share: float = 0.1,
    split_seed: int = 0,
    measure_alignment: bool = False,
    device: torch.device | None = None,
    group_bytes: int = GROUP_BYTES,
) -> list[CellResult]:
    """Train all heads of all cells.

    The heads see the training images without the held-out ones, in all views that are stored;
    accuracies are measured on view 0. The test images choose nothing.

    Args:
        models: Whose cells.
        train: Features of the training images.
        test: Of the test images. With ``measure_alignment`` it has a second view.
        num_classes: Number of classes.
        training: How heads are trained; None: the defaults.
        held_out_share: Of each class of the training images.
        split_seed: Of the choice of the held-out images.
        measure_alignment: Whether alignment and uniformity are measured.
        device: Where the heads are trained; None: the CPU.
        group_bytes: Memory for training features. Cells are taken in groups of at most so much.

    Returns:
        A result for every cell, model by model.

    Raises:
        ValueError: Labels beyond the classes, or a class with too few images for the split.
    """
    training = training or ProbeTraining()
    check_labels(test.labels, num_classes)
    held_out = hold_out(train.labels, num_classes, held_out_share, split_seed)
    fitted = train.labels[~held_out]
    cells = [(model, cell) for model in models for cell in model.cells]
    per_value = len(train.views) * len(fitted) * models[0].readers[0].dtype.itemsize
    results: list[CellResult] = []
    with Progress() as progress:
        task = progress.add_task('training heads', total=len(cells))
        for group in _groups(cells, group_bytes // per_value):
            done = progress.tasks[0].completed

            def advance(
                epoch: int, epochs: int, done: float = done, size: int = len(group)
            ) -> None:
                progress.update(task, completed=done + size * epoch / epochs)

            probe = fit_grid_probe(
                [train.read(model, cell, ~held_out, train.views) for model, cell in group],
                fitted,
                num_classes,
                training,
                device,
                advance,
            )
            chosen = [train.read(model, cell, held_out)[0] for model, cell in group]
            tested = [test.read(model, cell)[0] for model, cell in group]
            on_held_out = probe.accuracy(chosen, train.labels[held_out])
            on_test = probe.accuracy(tested, test.labels)
            for i, (model, cell) in enumerate(group):
                spread = _spread(model, cell, test, tested[i]) if measure_alignment else {}
                results.append(CellResult(cell, on_held_out[i], on_test[i], **spread))
    return results


def best_cell(results: Iterable[CellResult]) -> CellResult:
    """Return the result with the highest mean held-out accuracy; of equals, the narrowest.

    Raises:
        ValueError: There is none.
    """
    results = list(results)
    if not results:
        raise ValueError('There are no results to choose from.')
    return max(results, key=lambda result: (float(result.held_out.mean()), -result.cell.width))


def _groups(
    cells: Sequence[tuple[GridModel, Cell]], max_width: int
) -> Iterable[list[tuple[GridModel, Cell]]]:
    """Cells in their order, in groups of at most ``max_width`` features, but one cell at least."""
    group: list[tuple[GridModel, Cell]] = []
    for model, cell in cells:
        if group and sum(chosen.width for _, chosen in group) + cell.width > max_width:
            yield group
            group = []
        group.append((model, cell))
    if group:
        yield group


def _spread(
    model: GridModel, cell: Cell, test: StoredSplit, features: Tensor
) -> dict[str, float | None]:
    """Alignment, for a model that is given noise, and uniformity."""
    noisy = model.is_diffusion and len(test.views) > 1
    pair = test.read(model, cell, views=test.views[:2]) if noisy else None
    return dict(
        alignment=alignment(pair[0], pair[1]) if noisy else None, uniformity=uniformity(features)
    )
