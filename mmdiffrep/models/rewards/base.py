# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of a reward: how good was it to read an image at its timestep?"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from mmengine.structures import BaseDataElement
from torch import Tensor, nn


class Lesson(NamedTuple):
    """What the student gets from the teacher features that are to be rewarded.

    Attributes:
        student (tuple of Tensor): The student's features of the pair, ``(B, C, h, w)`` or
            ``(B, C)``, inside the graph.
        distill_loss (Tensor): The pair's loss, a scalar.
        task_loss (Tensor, optional): The host's own loss, a scalar; None if it has none.
    """

    student: tuple[Tensor, ...]
    distill_loss: Tensor
    task_loss: Tensor | None = None


class Rewarded(NamedTuple):
    """What a reward returns.

    Attributes:
        reward (Tensor): The reward of every image, float32 ``(B,)``, without gradient.
        loss (Tensor, optional): What trains the reward's own parameters, ``(B,)``; None if it has
            none.
    """

    reward: Tensor
    loss: Tensor | None = None


class Reward(nn.Module, ABC):
    """Base class of the rewards.

    Args:
        in_channels (int): Channels of the teacher's feature.

    Attributes:
        needs_task (bool): Whether the reward looks at the host's own loss, which then has to be
            one that learns.
        compares_images (bool): Whether the loss of an image depends on the others of its batch, so
            that none of them can be held out.
    """

    needs_task: bool = False
    compares_images: bool = False

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels

    @property
    def learns(self) -> bool:
        """Whether the reward has parameters of its own."""
        return any(True for _ in self.parameters())

    @abstractmethod
    def forward(
        self,
        feature: Tensor,
        data_samples: list[BaseDataElement] | None = None,
        lesson: Lesson | None = None,
    ) -> Rewarded:
        """Rewards every image of a batch.

        Args:
            feature (Tensor): Teacher features, ``(B, in_channels, h, w)``; detached inside.
            data_samples (list, optional): The host's data samples, one an image.
            lesson (Lesson, optional): What the student gets from the feature.
        """
