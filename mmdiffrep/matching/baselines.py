# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Features without a network, the lines that a table of matching results needs beside it."""

import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.matching.images import ImageInput, load_image, resize_image
from mmdiffrep.matching.nearest import Size
from mmdiffrep.utils.checks import integer, odd, of_type


class RGBPatches:
    """Describe a pixel by the colors around it.

    Args:
        patch: Side of the patch in pixels, odd; 1 is the plain color. Default 7.
        size: Side, or height and width, that images are resized to. Default 64.
        centered: Subtract the mean of the patch, so that brightness does not count. Default True.
    """

    def __init__(self, patch: int = 7, size: int | Size = 64, centered: bool = True) -> None:
        self.patch = odd('patch', patch)
        sides = (size, size) if isinstance(size, int) else size
        self.size: Size = (integer('size', sides[0], 1), integer('size', sides[1], 1))
        self.centered = of_type('centered', centered, bool)

    def to(self, device: object) -> 'RGBPatches':
        """Do nothing: the map is where the image is."""
        return self

    def features(self, image: ImageInput) -> Tensor:
        """Return the map (3 patch², height, width) of an image."""
        resized = resize_image(load_image(image), self.size)[None]
        padded = F.pad(resized, (self.patch // 2,) * 4, mode='replicate')
        patches = F.unfold(padded, self.patch)[0]
        if self.centered:
            patches = patches - patches.mean(0)
        return patches.view(-1, *self.size)

    def maps(self, image: ImageInput, prompt: str | None = None) -> dict[MapKey, Tensor]:
        """Return the map of an image by a key, as a matcher does; a prompt changes nothing."""
        return {(0, 'rgb'): self.features(image)}

    def join(
        self, source: dict[MapKey, Tensor], target: dict[MapKey, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the only map of each image."""
        return source[0, 'rgb'], target[0, 'rgb']
