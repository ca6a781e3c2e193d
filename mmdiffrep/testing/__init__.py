# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Tools for tests."""

from mmdiffrep.testing.tiny import (
    RandomSegmentation,
    greatest_difference,
    parameters_of,
    tiny_dit,
    tiny_runner,
    tiny_segmentor,
    tiny_teacher,
    tiny_vae,
)
from mmdiffrep.testing.two_processes import run_in_two_processes

__all__ = [
    'RandomSegmentation',
    'greatest_difference',
    'parameters_of',
    'run_in_two_processes',
    'tiny_dit',
    'tiny_runner',
    'tiny_segmentor',
    'tiny_teacher',
    'tiny_vae',
]
