# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The random numbers of the images of a training run, by their place in it."""

import hashlib

import torch
from torch import Tensor


class ImageChance:
    """Random numbers for a batch, each image's a function of (seed, place) alone.

    The place of an image is the number of images before it in the run. So there is nothing to save,
    and N processes, or N accumulated batches, draw what one batch of N times the size would.

    Args:
        seed: Seed of the run.
        first: Place of the batch's first image.
        count: Images in the batch.
    """

    def __init__(self, seed: int, first: int, count: int) -> None:
        self.seed = seed
        self.places = range(first, first + count)

    def uniform(self, num: int) -> Tensor:
        """Numbers in (0, 1) for each image: (B, num), float64, on the CPU."""
        draws = torch.empty(len(self.places), num, dtype=torch.float64, device='cpu')
        generator = torch.Generator()
        for row, place in zip(draws, self.places):
            row.uniform_(generator=generator.manual_seed(self._word('uniform', place)))
        return draws.clamp_(min=torch.finfo(torch.float32).tiny)

    def noise(self, images: Tensor) -> Tensor:
        """Standard normal noise in the shape and on the device of a batch, float32."""
        draws = torch.empty(images.shape, device=images.device)
        generator = torch.Generator(images.device)
        for row, place in zip(draws, self.places):
            row.normal_(generator=generator.manual_seed(self._word('noise', place)))
        return draws

    def _word(self, purpose: str, place: int) -> int:
        """A seed of 63 bits, well mixed and the same in every process."""
        key = f'{self.seed}/{purpose}/{place}'.encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), 'little') >> 1
