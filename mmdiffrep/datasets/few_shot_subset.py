# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A few labeled images of a data set, the first ones or a random sample."""

import numpy as np
from mmengine.dataset import BaseDataset

from mmdiffrep.registry import DATASETS, build_part
from mmdiffrep.utils.checks import integer, within


@DATASETS.register_module()
def FewShotSubset(  # noqa: N802
    dataset: dict, num_images: int, repeat: int | None = None
) -> BaseDataset:
    """Build a data set and keep a few of its images.

    Args:
        dataset (dict): Config of the data set.
        num_images (int): Number of images to keep.
        repeat (int, optional): Number of the random sample, which is a function of it;
            ``tools/benchmarks/repeat_splits.py`` sets it. Defaults to None: the first images.

    Returns:
        The data set itself; the images of a random sample are in random order.

    Raises:
        ValueError: It has fewer images, or a number is too small.
    """
    integer('num_images', num_images, 1)
    if repeat is not None:
        integer('repeat', repeat, 0)
    built = build_part(DATASETS, dataset, 'dataset')
    built.full_init()
    within(f'num_images (of {type(built).__name__})', num_images, 1, len(built))
    order = np.arange(len(built)) if repeat is None else random_order(len(built), repeat)
    built.get_subset_(order[:num_images].tolist())
    return built


def random_order(count: int, repeat: int) -> np.ndarray:
    """Return the order of ``count`` images in a random sample, a function of (count, repeat)."""
    return np.random.default_rng([count, repeat]).permutation(count)
