# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A fixed, class-balanced share of a labeled data set."""

import numpy as np
from mmengine.dataset import BaseDataset

from mmdiffrep.registry import DATASETS, build_part
from mmdiffrep.utils.checks import integer, positive, within


@DATASETS.register_module()
def BalancedSubset(dataset: dict, fraction: float, seed: int = 0) -> BaseDataset:  # noqa: N802
    """Build a classification data set and keep the same share of every class.

    Which images are kept depends on the seed alone. A smaller share is part of a larger one.

    Args:
        dataset (dict): Config of the data set; its samples need an integer ``gt_label``.
        fraction (float): Share of each class to keep, in (0, 1], rounded to whole images; 1 keeps
            all.
        seed (int): Seed of the choice. Defaults to 0.

    Returns:
        The data set itself, with the kept images in their old order.

    Raises:
        ValueError: A share out of range, or a class of which nothing would be left.
    """
    integer('seed', seed, 0)
    within('fraction', positive('fraction', fraction), 0, 1)
    built = build_part(DATASETS, dataset, 'dataset')
    built.full_init()
    members: dict[int, list[int]] = {label: [] for label in range(len(built.metainfo['classes']))}
    for index in range(len(built)):
        info = built.get_data_info(index)
        if 'gt_label' not in info:
            raise ValueError(
                f'dataset: a {type(built).__name__} knows no gt_label before it loads an image, so '
                'it cannot be split by class: use FewShotSubset'
            )
        members.setdefault(int(info['gt_label']), []).append(index)
    kept: list[int] = []
    for label, indices in sorted(members.items()):
        count = round(fraction * len(indices))
        if count == 0:
            raise ValueError(
                f'fraction={fraction} leaves none of the {len(indices)} images of class {label} '
                f'({_name(built, label)}): take a larger share'
            )
        order = np.random.default_rng([seed, label]).permutation(len(indices))
        kept += [indices[i] for i in order[:count]]
    if len(kept) < len(built):
        built.get_subset_(sorted(kept))
    return built


def _name(dataset: BaseDataset, label: int) -> str:
    classes = dataset.metainfo['classes']
    return classes[label] if 0 <= label < len(classes) else f'one of only {len(classes)} classes'
