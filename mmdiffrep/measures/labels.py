# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Labels that probes are trained on, and those that they are chosen by."""

import torch
from torch import Tensor


def hold_out(labels: Tensor, num_classes: int, share: float = 0.1, seed: int = 0) -> Tensor:
    """Chooses images to select timestep and tap by, the same share of every class.

    Args:
        labels: (N,) int64.
        num_classes: Number of classes.
        share: Of each class, in (0, 1); at least one image.
        seed: Of the choice.

    Returns:
        (N,) bool, True for the images that heads are not trained on.

    Raises:
        ValueError: A class with fewer than two images, a label beyond the classes, or a share out
            of range.
    """
    if not 0 < share < 1:
        raise ValueError(f'The held-out share must lie in (0, 1), got {share}.')
    check_labels(labels, num_classes)
    generator = torch.Generator().manual_seed(seed)
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(num_classes):
        members = (labels == label).nonzero().flatten()
        if len(members) < 2:
            raise ValueError(
                f'Class {label} has {len(members)} of {len(labels)} images, too few for a held-out '
                'split: it needs one to train on and one to hold out. Take more images.'
            )
        number = min(max(1, round(share * len(members))), len(members) - 1)
        held_out[members[torch.randperm(len(members), generator=generator)[:number]]] = True
    return held_out


def check_labels(labels: Tensor, num_classes: int) -> None:
    """Check that labels are classes.

    Raises:
        ValueError: Labels beyond 0 to ``num_classes - 1``, of another type, or none.
    """
    if labels.ndim != 1 or labels.dtype != torch.int64 or not len(labels):
        raise ValueError(f'Expected labels (N,) int64, got {labels.dtype} {tuple(labels.shape)}.')
    if int(labels.min()) < 0 or int(labels.max()) >= num_classes:
        raise ValueError(
            f'The labels run from {int(labels.min())} to {int(labels.max())}, expected 0 to '
            f'{num_classes - 1}: give the right number of classes, or mend the labels.'
        )
