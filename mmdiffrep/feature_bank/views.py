# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Fixed augmented copies of a data set's images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from mmdiffrep.feature_bank.images import ImageDataset, read_sample
from mmdiffrep.utils.checks import one_of

AUGMENTATIONS = ('crop', 'flip')


class AugmentedView(Dataset):
    """One view of every image, drawn from (view, index) alone, so that features can be stored.

    The crop is that of DDAE and of most work on CIFAR-10: the image is padded with zeros by an
    eighth of its side (official: 4 of 32 px) and cut back at random. The flip is horizontal, for
    every other image on average.

    Args:
        dataset: Whose pipeline packs images.
        view: 0: the images as they are.
        augmentations: Some of ``'crop'`` and ``'flip'``.

    Raises:
        ValueError: Another augmentation.
    """

    def __init__(
        self, dataset: ImageDataset, view: int, augmentations: Sequence[str] = AUGMENTATIONS
    ) -> None:
        for name in augmentations:
            one_of('each of augmentations', name, AUGMENTATIONS)
        self.dataset = dataset
        self.view = view
        self.augmentations = tuple(augmentations)

    def __len__(self) -> int:
        return len(self.dataset)

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Return what the data set knows of a sample before its pipeline."""
        described: Any = self.dataset
        return described.get_data_info(index)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = read_sample(self.dataset, index)
        if self.view == 0:
            return sample
        return {**sample, 'inputs': self._augmented(sample['inputs'], index)}

    def _augmented(self, image: Tensor, index: int) -> Tensor:
        chance = np.random.default_rng([self.view, index])
        height, width = image.shape[1:]
        down, right = height // 8, width // 8
        top, left = (int(chance.integers(2 * pad + 1)) for pad in (down, right))
        flipped = chance.random() < 0.5
        if 'crop' in self.augmentations:
            padded = F.pad(image, (right, right, down, down))
            image = padded[:, top : top + height, left : left + width]
        if 'flip' in self.augmentations and flipped:
            image = image.flip(2)
        return image.contiguous()
