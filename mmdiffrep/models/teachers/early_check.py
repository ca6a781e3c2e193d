# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Warn of a diffusion model that seems to know little yet, before a student learns from it."""

from collections.abc import Sequence
from logging import Logger

import torch
from torch import Tensor

from mmdiffrep.diffusion.map_ranks import MapRank
from mmdiffrep.measures.map_rank import map_rank
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.utils.random_weights import random_weights
from mmdiffrep.utils.rng import keep_random_state


@torch.no_grad()
def warn_if_early(
    teacher: Teacher, inputs: Tensor, t: Tensor, features: Sequence[Tensor | None], logger: Logger
) -> None:
    """Compare the ranks of a teacher's maps with those of the same network with random weights.

    It costs one more pass of the teacher. Teachers without timesteps and features without pixels
    are passed over.

    Args:
        teacher: The teacher.
        inputs: What it saw, (B, 3, h, w).
        t: Its timesteps, (B,).
        features: What it gave, one per tap; None of a teacher that is left out of the step.
        logger: Gets one line, a warning if all maps look like the beginning of a training.
    """
    denoiser = getattr(teacher, 'denoiser', None)
    if denoiser is None or getattr(teacher, 'shard', False):
        return
    with keep_random_state(), random_weights(denoiser.network):
        random = teacher(inputs, t)
    found = {
        tap: MapRank(map_rank(own), map_rank(other))
        for tap, own, other in zip(teacher.taps, features, random)
        if own is not None and other is not None and own.dim() == 4 and own[0, 0].numel() > 1
        if not torch.equal(own, other)  # of another network in a group of teachers
    }
    listed = ', '.join(
        f'{tap} {r.rank:.1f} (random weights: {r.random:.1f})' for tap, r in found.items()
    )
    if found and all(value.early for value in found.values()):
        logger.warning(
            f'RepFusion: the maps of the teacher {teacher.source} have a low rank (participation '
            f'ratio) on {len(inputs)} images: {listed}. A diffusion model looks like '
            'that early in its training, when its features serve no better than random ones: '
            'train it longer, or compare a probe or a student with those of random weights.'
        )
    elif found:
        logger.info(f"RepFusion: rank (participation ratio) of the teacher's maps: {listed}")
