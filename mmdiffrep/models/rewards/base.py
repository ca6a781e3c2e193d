# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of a reward: how good was it to read an image at its timestep?"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

# Keys that identify an image in the meta information of mmseg, mmpretrain and mmpose.
IDENTITIES = ('img_path', 'sample_idx', 'img_id')


class StudentContext(NamedTuple):
    """The student's side of the teacher feature that is rewarded.

    Attributes:
        features (tuple of Tensor): The student's features of the pair, ``(B, C, h, w)`` or
            ``(B, C)``, inside the graph.
        distill_loss (Tensor): The pair's loss, a scalar.
        task_loss (Tensor, optional): The host's own loss, a scalar; None if it has none.
    """

    features: tuple[Tensor, ...]
    distill_loss: Tensor
    task_loss: Tensor | None = None


# Arguments of a reward's forward pass: the host's data samples and the student's side.
DataSamples = Sequence[BaseDataElement] | None
Context = StudentContext | None


class RewardOutput(NamedTuple):
    """Rewards of a batch.

    Attributes:
        reward (Tensor): The reward of every image, float32 ``(B,)``, without gradient.
        loss (Tensor, optional): The loss of the reward's own parameters, ``(B,)``; None if it has
            none.
        counted (Tensor, optional): Which images the reward knows anything about, bool ``(B,)``; an
            image without labels counts nowhere. None: all.
    """

    reward: Tensor
    loss: Tensor | None = None
    counted: Tensor | None = None


class Reward(nn.Module, ABC):
    """Base class of the rewards.

    Args:
        in_channels (int): Channels of the teacher's feature.

    Attributes:
        needs_task (bool): Whether the reward looks at the host's own loss, which then has to be
            one that learns.
        compares_images (bool): Whether the loss of an image depends on the others of its batch, so
            that none of them can be held out.
        pools (bool): Whether only the average over the pixels of a feature counts.
    """

    needs_task: bool = False
    compares_images: bool = False
    pools: bool = False

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels

    @property
    def learns(self) -> bool:
        """Return whether the reward has parameters of its own."""
        return any(True for _ in self.parameters())

    @abstractmethod
    def forward(
        self, feature: Tensor, data_samples: DataSamples = None, context: Context = None
    ) -> RewardOutput:
        """Reward every image of a batch.

        Args:
            feature (Tensor): Teacher features, ``(B, in_channels, h, w)``; detached inside.
            data_samples (list, optional): The host's data samples, one per image.
            context (StudentContext, optional): The student's side of the feature.
        """


def holdout_mask(data_samples: Sequence[BaseDataElement] | None, share: float) -> Tensor:
    """Choose the images of a batch that a reward's decoder never learns from.

    A hash of an image's path (or index) decides, for the whole run. So a decoder that sees the
    training images many times never learns the held-out ones by heart, and any number of processes
    holds out the same.

    Args:
        data_samples (sequence): The host's data samples, with ``img_path``, ``sample_idx`` or
            ``img_id`` among their meta information.
        share (float): Expected share of held-out images, in (0, 1).

    Returns:
        Tensor: bool ``(B,)``, on the CPU.

    Raises:
        ValueError: Samples without such meta information, or none at all.
    """
    flags: list[bool] = []
    for sample in data_samples or []:
        key = next((key for key in IDENTITIES if sample.metainfo.get(key) is not None), None)
        if key is None:
            break
        digest = hashlib.sha256(str(sample.metainfo[key]).encode()).digest()
        flags.append(int.from_bytes(digest[:8], 'little') < share * 2**64)
    if not data_samples or len(flags) < len(data_samples):
        found = sorted(data_samples[len(flags)].metainfo) if data_samples else 'no data samples'
        raise ValueError(
            f'holdout={share} keeps images apart by one of {IDENTITIES} in the meta information of '
            f'every data sample, but there is {found}: add one to `meta_keys` of the packing '
            'transform, or set holdout=0.'
        )
    return torch.tensor(flags)
