# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The labeled pixels of a few images, in a separate order for every member of an ensemble."""

import hashlib

import numpy as np
import torch
from torch import Tensor

from mmdiffrep.models.necks import Hypercolumns


class LabeledPixels:
    """Labeled pixels whose hypercolumns are gathered when they are sampled.

    Stored are the maps at their own resolution, and the position and label of every pixel.

    Args:
        columns (Hypercolumns): Hypercolumns of all images.
        labels (Tensor): Label maps ``(num_images, H, W)``.
        ignore_index (int): The label of pixels to leave out.
        min_class_pixels (int): A class with fewer pixels than this in an image is left out there.

    Raises:
        ValueError: No pixel is left.
    """

    def __init__(
        self, columns: Hypercolumns, labels: Tensor, ignore_index: int, min_class_pixels: int
    ) -> None:
        self.columns = columns
        self.size: tuple[int, int] = tuple(labels.shape[1:])
        labels = torch.stack([drop_rare(each, ignore_index, min_class_pixels) for each in labels])
        self.place = (labels.flatten() != ignore_index).nonzero()[:, 0]
        self.label = labels.flatten()[self.place]
        if not len(self.place):
            raise ValueError(
                f'none of the {len(labels)} images has a pixel to train on: all are labeled '
                f'{ignore_index} (ignored) or belong to a class with fewer than '
                f'min_class_pixels={min_class_pixels} pixels in the image'
            )

    def __len__(self) -> int:
        return len(self.place)

    def shuffles(self, seed: int, epoch: int, num_members: int) -> Tensor:
        """Return each member's order in one epoch, a function of (seed, epoch, member).

        Returns:
            Tensor: ``(num_members, len(self))`` int32, on the pixels' device.
        """
        orders = [
            np.random.default_rng([seed, epoch, member]).permutation(len(self)).astype(np.int32)
            for member in range(num_members)
        ]
        return torch.from_numpy(np.stack(orders)).to(self.place.device)

    def batch(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Gather pixels.

        Args:
            chosen (Tensor): Indices of pixels, ``(num_members, B)``, 0 to len(self) - 1.

        Returns:
            tuple: Hypercolumns ``(num_members, B, dim)`` float32 and labels ``(num_members, B)``.
        """
        place = self.place[chosen.flatten().long()]
        height, width = self.size
        row = place // width
        columns = self.columns.at(row // height, row % height, place % width, self.size)
        return columns.view(*chosen.shape, -1), self.label[chosen.long()]

    def fingerprint(self) -> str:
        """Return a hash of positions and labels."""
        digest = hashlib.sha256(str(self.size).encode())
        for values in (self.place, self.label):
            digest.update(values.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]


def drop_rare(labels: Tensor, ignore_index: int, min_class_pixels: int) -> Tensor:
    """Ignore the classes that have too few pixels in an image (official: fewer than 20).

    Args:
        labels (Tensor): ``(H, W)``, not negative.
        ignore_index (int): The label that means "no class".
        min_class_pixels (int): Classes with fewer pixels are ignored.

    Returns:
        Tensor: ``(H, W)``, a copy.
    """
    rare = labels.flatten().bincount() < min_class_pixels
    return labels.masked_fill(rare[labels], ignore_index)
