# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Random state as a function of where a run is, not of what it did before."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_all(*key: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators (CPU and accelerators) from a key.

    Equal keys give equal random numbers afterwards; different keys independent ones.

    Args:
        *key: Non-negative integers, e.g. the run's seed, its iteration and the rank.
    """
    words = _words(key)
    random.seed(words[0])
    np.random.seed(words[1])
    torch.manual_seed(words[2])


@contextmanager
def seeded(*key: int) -> Iterator[None]:
    """Seed Python's, NumPy's and PyTorch's generators on the CPU for a block, from a key.

    Afterwards they go on where they were. Accelerators are not touched, so that a worker process
    of a data loader may use it.

    Args:
        *key: See :func:`seed_all`.
    """
    words = _words(key)
    python, numpy, pytorch = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        random.seed(words[0])
        np.random.seed(words[1])
        torch.default_generator.manual_seed(words[2])
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(pytorch)


@contextmanager
def keep_random_state() -> Iterator[None]:
    """Leave Python's, NumPy's and PyTorch's global generators as they were, whatever is drawn."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _words(key: tuple[int, ...]) -> list[int]:
    """Return three well mixed seeds, a function of the key."""
    return [int(word) for word in np.random.SeedSequence([len(key), *key]).generate_state(3)]
