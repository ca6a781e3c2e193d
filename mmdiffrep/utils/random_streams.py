# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Random numbers as functions of their place in a run, equal for any number of processes."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Rows = TypeVar('Rows', Tensor, np.ndarray)
# One source of randomness for a batch, one per image, or torch's global state.
Generators = torch.Generator | Iterable[torch.Generator] | None

# What a number is for; each has a stream of its own.
UNIFORM, SHARED, NOISE = range(3)


class IterationStreams:
    """Random numbers as a function of (seed, iteration): there is no state to save.

    They are drawn for the images of all ranks and each rank takes its share, so that N ranks draw
    what one process with the N-fold batch would draw. All ranks have the same batch size.

    Args:
        seed (int): Seed of the run.
        iteration (int): Current iteration.
        rank (int): This process. Defaults to 0.
        world_size (int): Number of processes. Defaults to 1.
    """

    def __init__(self, seed: int, iteration: int, rank: int = 0, world_size: int = 1) -> None:
        self.seed = seed
        self.iteration = iteration
        self.rank = rank
        self.world_size = world_size

    def uniforms(self, num_images: int, num_draws: int = 1, branch: int = 0) -> Tensor:
        """Return numbers in [0, 1) for this rank's images, float64 ``(num_draws * num_images,)``.

        The first draws of all images come first.
        """
        generator = torch.Generator().manual_seed(int(self._words(branch, UNIFORM, 1)[0]))
        shape = (self.world_size * num_images, num_draws)
        numbers = torch.rand(shape, generator=generator, dtype=torch.float64)
        return self._share(numbers, num_images).T.flatten()

    def shared(self, branch: int = 0) -> float:
        """Return a number in [0, 1) that all ranks share."""
        return int(self._words(branch, SHARED, 1)[0] >> np.uint64(10)) / 2**53

    def generators(
        self,
        num_images: int,
        num_draws: int = 1,
        branch: int = 0,
        device: str | torch.device = 'cpu',
    ) -> Iterator[torch.Generator]:
        """Yield a generator for every draw, in the order of :meth:`uniforms`, when asked for."""
        words = self._words(branch, NOISE, self.world_size * num_images * num_draws)
        words = self._share(words.reshape(-1, num_draws), num_images)
        return (torch.Generator(device).manual_seed(int(word)) for word in words.T.flatten())

    def _share(self, rows: Rows, num_images: int) -> Rows:
        return rows[self.rank * num_images :][:num_images]

    def _words(self, branch: int, purpose: int, count: int) -> np.ndarray:
        """Return integers in [0, 2**63)."""
        sequence = np.random.SeedSequence([self.seed, self.iteration, branch, purpose])
        return sequence.generate_state(count, dtype=np.uint64) >> np.uint64(1)


class ImageStreams:
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

    def uniforms(self, num: int) -> Tensor:
        """Return numbers in (0, 1) for each image, float64 ``(B, num)`` on the CPU."""
        draws = torch.empty(len(self.places), num, dtype=torch.float64, device='cpu')
        generator = torch.Generator()
        for row, place in zip(draws, self.places):
            row.uniform_(generator=generator.manual_seed(self._word('uniform', place)))
        return draws.clamp_(min=torch.finfo(torch.float32).tiny)

    def noise(self, images: Tensor) -> Tensor:
        """Return standard normal noise in the shape and on the device of a batch, float32."""
        draws = torch.empty(images.shape, device=images.device)
        generator = torch.Generator(images.device)
        for row, place in zip(draws, self.places):
            row.normal_(generator=generator.manual_seed(self._word('noise', place)))
        return draws

    def _word(self, purpose: str, place: int) -> int:
        """Return a seed of 63 bits, well mixed and the same in every process."""
        key = f'{self.seed}/{purpose}/{place}'.encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), 'little') >> 1
