# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of a teacher: a frozen network whose features a student learns."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from logging import Logger
from typing import Any

import torch
from torch import Tensor, nn

from mmdiffrep.utils.checks import equal
from mmdiffrep.utils.random_streams import Generators, IterationStreams


class Teacher(nn.Module, ABC):
    """Base class of the teachers.

    A teacher stays in eval mode and has no gradients. It is not part of the student: not in its
    checkpoints, optimizer or EMA.

    Attributes:
        taps (tuple of str): What is read, in the order of the features.
        to_rgb (nn.Module): From the host's normalized images ``(B, 3, H, W)`` to RGB in [-1, 1]
            at the teacher's size.
        source (str): Where the weights come from.
        weights_hash (str): sha256 of the weights.
        timesteps (tuple of int, optional): The only timesteps that it can be read at. None: all.
        pooled (bool): Whether its features are averages over maps, ``(B, C, 1, 1)``.
    """

    taps: tuple[str, ...]
    to_rgb: nn.Module
    source: str
    weights_hash: str
    timesteps: tuple[int, ...] | None = None
    pooled: bool = False

    @classmethod
    def accept(cls, *, noise: str | dict, raw_input: bool, pass_size: int | None) -> dict[str, Any]:
        """Return those of a diffusion model's options that the class takes too, by default none.

        Args:
            noise (str or dict): Noise source.
            raw_input (bool): Feed the student's tensor.
            pass_size (int, optional): Greatest number of images in a pass.

        Raises:
            ValueError: An option is set that it does not take.
        """
        name = f'teacher_batch of a {cls.__name__}, which reads whole batches,'
        equal(name, pass_size, None, 'It is for diffusion teachers.')
        given = ('student' if raw_input else 'exact', noise)
        name = f'teacher_input and noise of a {cls.__name__}, which sees the clean image,'
        equal(name, given, ('exact', 'none'), 'Leave them out.')
        return {}

    @property
    @abstractmethod
    def channels(self) -> tuple[int, ...]:
        """Channels of every tap."""

    @property
    @abstractmethod
    def num_timesteps(self) -> int | None:
        """T: it is read at timesteps 0 to T - 1; None: it has no timesteps."""

    @property
    def precision(self) -> str:
        """What a pass computes in, such as ``'float32'``."""
        return 'float32'

    @property
    def record(self) -> dict[str, str]:
        """Identify the teacher in checkpoints, so that a resumed run finds the same one."""
        return dict(source=self.source, weights_hash=self.weights_hash, precision=self.precision)

    def place(self, device: torch.device) -> None:
        """Move to the device on which the features are computed."""
        self.to(device)

    def take(self, batch: dict[str, Any]) -> None:
        """Take what was stored for the teacher out of a batch, before the host sees it.

        Args:
            batch (dict): What the data loader gives.
        """

    def warn_if_early(
        self, inputs: Tensor, t: Tensor, features: Sequence[Tensor | None], logger: Logger
    ) -> None:
        """Warn of a teacher that seems to know little yet; by default nothing is checked.

        Args:
            inputs (Tensor): What it saw, ``(B, 3, h, w)``.
            t (Tensor): Its timesteps, ``(B,)``.
            features (sequence of Tensor): What it gave, one per tap; None for one left out.
            logger (Logger): For the warning.
        """

    def begin_step(self, streams: IterationStreams) -> None:
        """Draw what a teacher draws once per step; by default nothing."""

    def to_input(self, images: Tensor) -> Tensor:
        """Convert the host's images; timestep policies see the result too.

        Args:
            images (Tensor): The host's normalized images, ``(B, 3, H, W)``.

        Returns:
            Tensor: float32 ``(B, 3, h, w)``, by default RGB in [-1, 1].
        """
        return self.to_rgb(images)

    @abstractmethod
    def forward(
        self, inputs: Tensor, t: Tensor, generator: Generators | None = None
    ) -> tuple[Tensor | None, ...]:
        """Return the features of the taps.

        The pass runs in the teacher's own precision; the host's autocast plays no part.

        Args:
            inputs (Tensor): What :meth:`to_input` returned, ``(B, 3, h, w)``.
            t (Tensor): Timestep of every image, int64 ``(B,)``.
            generator (Generator or iterable of them, optional): For a noise source that draws
                anew: one, or one per image. Defaults to None: torch's global state.

        Returns:
            tuple: One detached float32 feature per tap, ``(B, C, h, w)`` or ``(B, C)``; None for
            one that is left out in this step.
        """

    def train(self, mode: bool = True) -> 'Teacher':
        """Do nothing: a teacher stays in eval mode."""
        return super().train(False)
