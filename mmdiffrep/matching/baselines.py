# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Features without a network, the lines that a table of matching results needs beside it."""

import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.matching.matcher import ImageInput, load_image, resize_image
from mmdiffrep.utils.checks import integer


class RGBPatches:
    """Describe a pixel by the colors around it.

    Args:
        patch: Side of the patch in pixels, odd. Default 7.
        size: Side that images are resized to. Default 64.
    """

    def __init__(self, patch: int = 7, size: int = 64) -> None:
        self.patch = integer('patch', patch, 1)
        self.size = integer('size', size, 1)
        if patch % 2 == 0:
            raise ValueError(f'patch must be odd, so that it has a center; got {patch}.')

    def to(self, device: object) -> 'RGBPatches':
        """Do nothing: the map is where the image is."""
        return self

    def features(self, image: ImageInput) -> Tensor:
        """Return the map (3 patch², size, size) of an image, each patch with mean 0."""
        resized = resize_image(load_image(image), (self.size, self.size))[None]
        padded = F.pad(resized, (self.patch // 2,) * 4, mode='replicate')
        patches = F.unfold(padded, self.patch)[0]
        patches = patches - patches.mean(0)
        return patches.view(-1, self.size, self.size)
