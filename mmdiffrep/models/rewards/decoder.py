# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion's own kind of reward: how well can the task be read from a teacher feature?"""

from abc import abstractmethod

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdiffrep.models.rewards.base import Reward, RewardOutput, StudentContext

# Labels are checked on the first batches only: the check waits for the device.
NUM_CHECKED_BATCHES = 10


class DecoderReward(Reward):
    """A light decoder g that is trained to solve the task from a teacher feature.

    Its loss on an image, negated, is the reward for the timestep that the feature was read at
    (RepFusion, ICCV 2023, section 4.2).

    Args:
        in_channels (int): Channels of the teacher's feature.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        self._num_checked = 0

    def forward(
        self,
        feature: Tensor,
        data_samples: list[BaseDataElement] | None = None,
        context: StudentContext | None = None,
    ) -> RewardOutput:
        """See :class:`Reward`; the loss has gradient for the decoder only."""
        with torch.autocast(feature.device.type, enabled=False):
            loss = self.task_loss(feature.detach().float(), data_samples)
        return RewardOutput(-loss.detach(), loss)

    @abstractmethod
    def task_loss(self, feature: Tensor, data_samples: list[BaseDataElement]) -> Tensor:
        """Return the decoder's loss ``(B,)`` on a detached float32 feature ``(B, C, h, w)``."""

    def collect(self, data_samples: list[BaseDataElement] | None, field: str) -> list:
        """Return one field of every data sample, or says which label is missing."""
        missing = [i for i, sample in enumerate(data_samples or []) if field not in sample]
        if not data_samples or missing:
            raise ValueError(
                f'{type(self).__name__} needs `{field}` in every data sample'
                + (f', but samples {missing} of this batch have none' if missing else '')
                + ". Without labels use reward=dict(type='mmdiffrep.InstanceDiscriminationReward') "
                'or a fixed, uniform or annealed timestep policy.'
            )
        return [sample.get(field) for sample in data_samples]

    def check_labels(self, labels: Tensor, num_classes: int, ignore: int | None = None) -> None:
        """Raise a ValueError when a label of the first batches is out of range."""
        if not self.checks_labels():
            return
        wrong = (labels < 0) | (labels >= num_classes)
        if ignore is not None:
            wrong &= labels != ignore
        if wrong.any():
            found = labels[wrong].unique().tolist()
            raise ValueError(
                f'{type(self).__name__} got labels {found}, expected 0 to {num_classes - 1}'
                + ('' if ignore is None else f' or {ignore} (ignored)')
                + ': check num_classes and the label map of the data set.'
            )

    def checks_labels(self) -> bool:
        """Return True for the first batches, and counts."""
        self._num_checked += 1
        return self._num_checked <= NUM_CHECKED_BATCHES

    def check_num_classes(self, num_classes: int) -> int:
        """Return the number of classes, or says that there is nothing to tell apart."""
        if num_classes < 2:
            raise ValueError(
                f'{type(self).__name__} tells classes apart and needs num_classes of at least 2, '
                f'got {num_classes}: give reward=dict(..., num_classes=...) with the number of '
                'classes of the labels'
            )
        return num_classes
