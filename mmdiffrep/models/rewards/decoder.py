# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion's own kind of reward: how well can the task be read from a teacher feature?"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from mmengine.dist import all_reduce
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmdiffrep.models.rewards.base import (
    IDENTITIES,
    Context,
    DataSamples,
    Reward,
    RewardOutput,
)
from mmdiffrep.utils.checks import integer
from mmdiffrep.utils.label_checks import check_label_range


class DecoderReward(Reward):
    """A light decoder g that is trained to solve the task from a teacher feature.

    Its loss on an image, negated, is the reward for the timestep that the feature was read at
    (RepFusion, ICCV 2023, section 4.2). An image without labels counts nowhere.

    Args:
        in_channels (int): Channels of the teacher's feature.

    Attributes:
        label_fields (tuple of str): Fields of a data sample; without any of them it is unlabeled.
    """

    label_fields: ClassVar[tuple[str, ...]]

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        self.batches_to_check = 10  # the first ones only: the check waits for the device
        self._labels_found = False

    def forward(
        self, feature: Tensor, data_samples: DataSamples = None, context: Context = None
    ) -> RewardOutput:
        """See :class:`Reward`; the loss has gradient for the decoder only.

        Raises:
            ValueError: No image of the first batch has a label, or labels that do not fit.
        """
        labeled = self._labeled(data_samples)
        feature = feature.detach().float()
        with torch.autocast(feature.device.type, enabled=False):
            if len(labeled) == len(feature):
                loss, counted = self.task_loss(feature, data_samples)
            else:
                loss, counted = self._loss_of_part(feature, data_samples, labeled)
        return RewardOutput(-loss.detach(), loss, counted)

    @abstractmethod
    def task_loss(
        self, feature: Tensor, data_samples: list[BaseDataElement]
    ) -> tuple[Tensor, Tensor]:
        """Return the decoder's loss on labeled images, and which of them really have a label.

        Args:
            feature (Tensor): Detached teacher features, float32 ``(B, C, h, w)``.
            data_samples (list): Samples with one of :attr:`label_fields`.

        Returns:
            tuple: Loss ``(B,)``, and bool ``(B,)``: False where everything is ignored.
        """

    def _loss_of_part(
        self, feature: Tensor, data_samples: list[BaseDataElement], labeled: list[int]
    ) -> tuple[Tensor, Tensor]:
        loss = feature.new_zeros(len(feature))
        counted = torch.zeros(len(feature), dtype=torch.bool, device=feature.device)
        if not labeled:
            return loss, counted
        index = torch.tensor(labeled, device=feature.device)
        part, known = self.task_loss(feature[index], [data_samples[i] for i in labeled])
        return loss.index_copy(0, index, part), counted.index_copy(0, index, known)

    def _labeled(self, data_samples: list[BaseDataElement] | None) -> list[int]:
        """Find the images with a label; all ranks fail together if the first batch has none."""
        found = [
            index
            for index, sample in enumerate(data_samples or [])
            if any(field in sample for field in self.label_fields)
        ]
        if not self._labels_found:
            anywhere = torch.tensor(len(found))
            all_reduce(anywhere)
            if not anywhere:
                raise ValueError(
                    f'{type(self).__name__} needs `{self.label_fields[0]}` in the data samples, '
                    'but no image of the first batch has it. Without labels use '
                    "reward=dict(type='mmdiffrep.InstanceDiscriminationReward') or a fixed, "
                    'uniform or annealed timestep policy.'
                )
            self._labels_found = True
        return found

    def collect(self, data_samples: list[BaseDataElement], field: str) -> list:
        """Return one field of every data sample, or name the samples without it."""
        missing = [i for i, sample in enumerate(data_samples) if field not in sample]
        if missing:
            raise ValueError(
                f'{type(self).__name__} needs `{field}` in every labeled data sample, but samples '
                f'{missing} of this batch lack it.'
            )
        return [sample.get(field) for sample in data_samples]

    def check_labels(
        self,
        labels: Tensor,
        num_classes: int,
        data_samples: Sequence[BaseDataElement],
        ignore: int | None = None,
    ) -> None:
        """Name the first image with a label out of range; looks at the first batches only.

        Args:
            labels (Tensor): Integers, ``(B, ...)``.
            num_classes (int): Labels are 0 to one less.
            data_samples (sequence): B samples.
            ignore (int, optional): Another label that is allowed.

        Raises:
            ValueError: A label is out of range.
        """
        if not self.checks_labels():
            return
        owner, advice = type(self).__name__, 'Check num_classes and the label map of the data set.'
        for index, (label, sample) in enumerate(zip(labels, data_samples)):
            name = f'{owner}: {_name(sample, index)}'
            check_label_range(name, label, num_classes, ignore, advice)

    def checks_labels(self) -> bool:
        """Return True for the first batches, and count them."""
        if self.batches_to_check == 0:
            return False
        self.batches_to_check -= 1
        return True


class KeypointReward(DecoderReward):
    """Base of the rewards of landmark runs; two 1x1 convolutions predict one map per keypoint.

    Args:
        in_channels (int): Channels of the teacher's feature.
        num_keypoints (int): Number of keypoints.
        hidden_channels (int): Width of the decoder. Defaults to 64.
    """

    def __init__(self, in_channels: int, num_keypoints: int, hidden_channels: int = 64) -> None:
        super().__init__(in_channels)
        self.num_keypoints = integer('num_keypoints', num_keypoints, 1)
        self.decoder = conv_decoder(in_channels, hidden_channels, num_keypoints)

    @staticmethod
    def average(error: Tensor, labels: list[BaseDataElement]) -> tuple[Tensor, Tensor]:
        """Average an error ``(B, K)`` over the keypoints that count; see :meth:`task_loss`."""
        weights = torch.cat([label.keypoint_weights.view(1, -1) for label in labels]).to(error)
        total = weights.sum(dim=1)
        return (error * weights).sum(dim=1) / total.clamp(min=1), total > 0


def _name(sample: BaseDataElement, index: int) -> str:
    """Name an image by its path or number."""
    known = (sample.metainfo.get(key) for key in IDENTITIES)
    name = next((value for value in known if value is not None), None)
    return f'image {index} of a batch' if name is None else f'image {name}'


def conv_decoder(in_channels: int, hidden_channels: int, out_channels: int) -> nn.Sequential:
    """Build a decoder of maps: two 1x1 convolutions with a ReLU between them."""
    return nn.Sequential(
        nn.Conv2d(in_channels, integer('hidden_channels', hidden_channels, 1), 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden_channels, out_channels, 1),
    )
