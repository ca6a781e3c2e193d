# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import random

import numpy as np
import torch

from mmdiffrep.utils.rng import keep_random_state, seed_all


def _draw(*key):
    seed_all(*key)
    return random.random(), np.random.random(), torch.rand(()).item(), torch.randn(()).item()


def test_same_key_same_numbers():
    assert _draw(0, 1, 2) == _draw(0, 1, 2)


def test_every_part_of_the_key_matters():
    draws = [_draw(*key) for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0)]]
    for numbers in zip(*draws):
        assert len(set(numbers)) == len(draws)


def test_keep_random_state_leaves_all_generators_as_they_were():
    expected = _draw(3)
    seed_all(3)
    with keep_random_state():
        _draw(4)
    found = random.random(), np.random.random(), torch.rand(()).item(), torch.randn(()).item()
    assert found == expected
