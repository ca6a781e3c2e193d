# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What distillation does in one forward pass of the student."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from mmdiffrep.models.distillers import LayerTaps, Reading, RepFusionDistiller
from mmdiffrep.models.teachers import Teacher
from mmdiffrep.models.timestep_policies import TimestepSample
from mmdiffrep.utils.random_streams import IterationStreams

Item = TypeVar('Item')


class DistillationPass:
    """Takes the student's features, draws timesteps, reads the teacher and compares.

    Args:
        taps (LayerTaps): Where the student is tapped, one name after the other.
        teacher (Teacher): The frozen teacher.
        distiller (RepFusionDistiller): What is trained besides the student.
        group_sizes (sequence of int): How many student layers each pair has.

    Attributes:
        drawn (dict): What the policies drew in this pass, by branch name.

    Raises:
        ValueError: A policy that draws what the teacher has not.
    """

    def __init__(
        self,
        taps: LayerTaps,
        teacher: Teacher,
        distiller: RepFusionDistiller,
        group_sizes: Sequence[int],
    ) -> None:
        self.taps = taps
        self.teacher = teacher
        self.distiller = distiller
        self.group_sizes = tuple(group_sizes)
        self.drawn: dict[str, TimestepSample] = {}
        self._check_timesteps()

    def _check_timesteps(self) -> None:
        teacher, count = type(self.teacher).__name__, self.teacher.num_timesteps
        for policy in (branch.policy for branch in self.distiller.branches):
            if count is None and (policy.needs_reward or policy.max_timestep > 0):
                raise ValueError(
                    f'{teacher} has no timesteps, so {type(policy).__name__} has nothing to '
                    'choose: leave out policy, or take a diffusion model as the teacher'
                )
            if count is not None and policy.max_timestep >= count:
                raise ValueError(
                    f'the policy can draw t = {policy.max_timestep}, but the teacher has {count} '
                    f'timesteps (0 to {count - 1})'
                )

    def __call__(
        self,
        images: Tensor,
        data_samples: list | None,
        task: dict[str, Tensor | list[Tensor]],
        streams: IterationStreams,
        progress: float,
    ) -> dict[str, Tensor]:
        """Return the distillation terms, after a forward pass of the student.

        Args:
            images (Tensor): The host's normalized images, ``(B, 3, H, W)``.
            data_samples (list, optional): The host's data samples.
            task (dict): The host's own losses.
            streams (IterationStreams): The random numbers of this iteration.
            progress (float): Share of the training with a teacher that is done, in [0, 1].

        Raises:
            RuntimeError: A student feature without gradient.
        """
        features = self.taps.take(batch_size=len(images))
        for layer, feature in zip(self.taps.layers, features):
            if not feature.requires_grad:
                raise RuntimeError(
                    f'the feature of student layer {str(layer)!r} carries no gradient, so '
                    'nothing would be distilled: is the layer frozen, or wrapped as a whole in '
                    'activation checkpointing (checkpoint its children instead)?'
                )
        readings = self._read(images, streams, progress)
        with torch.autocast(images.device.type, enabled=False):
            return self.distiller(
                grouped(features, self.group_sizes), readings, data_samples, progress, _total(task)
            )

    def clear(self) -> None:
        """Drop what is left of the last pass."""
        self.taps.clear()
        self.drawn = {}

    def _read(self, images: Tensor, streams: IterationStreams, progress: float) -> list[Reading]:
        """Draws timesteps and reads the teacher there, once for every branch."""
        inputs = self.teacher.to_input(images)
        readings = []
        for index, branch in enumerate(self.distiller.branches):
            draws = branch.policy.num_samples
            shape = (len(images), draws, index)
            sample = branch.policy(
                inputs,
                uniform=streams.uniforms(*shape),
                common=streams.shared(index),
                progress=progress,
            )
            features = self.teacher(
                _repeated(images, draws),
                sample.t,
                generator=streams.generators(*shape, device=images.device),
                inputs=_repeated(inputs, draws),
            )
            readings.append(Reading(sample, features))
        self.drawn = {
            name: reading.sample for name, reading in zip(self.distiller.branch_names, readings)
        }
        return readings


def grouped(items: Sequence[Item], sizes: Sequence[int]) -> list[tuple[Item, ...]]:
    """Cuts a sequence into groups of the given sizes."""
    rest = iter(items)
    return [tuple(next(rest) for _ in range(size)) for size in sizes]


def _repeated(images: Tensor, times: int) -> Tensor:
    return images if times == 1 else images.repeat(times, 1, 1, 1)


def _total(task: dict[str, Tensor | list[Tensor]]) -> Tensor | None:
    """Add up the host's losses, as its own ``parse_losses`` does; None without any."""
    terms = [
        term.mean()
        for key, value in task.items()
        if 'loss' in key
        for term in (value if isinstance(value, list) else [value])
    ]
    return sum(terms) if terms else None
