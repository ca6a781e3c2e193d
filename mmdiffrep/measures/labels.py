# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Labels that probes are trained on, and those that they are chosen by."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.utils.checks import equal, of_shape, within
from mmdiffrep.utils.label_checks import check_label_range


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
    within('The held-out share', share, 0, 1, open_low=True, open_high=True)
    check_labels(labels, num_classes)
    generator = torch.Generator().manual_seed(seed)
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(num_classes):
        members = members_of(labels, label)
        number = min(max(1, round(share * len(members))), len(members) - 1)
        held_out[members[torch.randperm(len(members), generator=generator)[:number]]] = True
    return held_out


def members_of(labels: Tensor, label: int) -> Tensor:
    """Return the indices of a class, at least two.

    Raises:
        ValueError: Fewer than two images.
    """
    members = (labels == label).nonzero().flatten()
    if len(members) < 2:
        raise ValueError(
            f'Class {label} has {len(members)} of {len(labels)} images, too few for a held-out '
            'split: it needs one to train on and one to hold out. Take more images.'
        )
    return members


def check_labels(labels: Tensor, num_classes: int, num_images: int | None = None) -> None:
    """Check that labels are classes.

    Args:
        labels: (N,) int64 in 0 to ``num_classes - 1``.
        num_classes: Number of classes.
        num_images: N, if it is known.

    Raises:
        ValueError: Labels beyond the classes, of another type or number, or none.
    """
    of_shape('labels', labels, num_images or 'N')
    equal('The type of labels', labels.dtype, torch.int64)
    advice = 'Give the right number of classes, or mend the labels.'
    check_label_range('The classes of the images', labels, num_classes, advice=advice)


def labels_of(data_samples: Sequence[Any]) -> Tensor:
    """Return the class of every image.

    Args:
        data_samples: mmpretrain's data samples with ``gt_label``.

    Returns:
        (B,) int64.

    Raises:
        ValueError: The data set has no labels, or several per image.
    """
    labels: list[Any] = [getattr(sample, 'gt_label', None) for sample in data_samples]
    if any(label is None for label in labels):
        raise ValueError(
            'The data set gives no class labels (gt_label), which probes need. Take a '
            'classification config, such as repfusion/toyfaces_r18_cls_scratch.py.'
        )
    if any(label.numel() != 1 for label in labels):
        raise ValueError('The data set gives several labels per image, expected one.')
    return torch.cat([label.reshape(1) for label in labels]).long()
