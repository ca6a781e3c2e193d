# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion's trainable side: connectors, losses, timestep policy and reward decoder."""

from typing import Dict, List, Optional, Sequence, Tuple

from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmdiffrep.models.connectors import (
    ChannelStandardizer,
    ConvConnector,
    HypercolumnConnector,
)
from mmdiffrep.models.timestep_policies import TimestepPolicy, TimestepSample
from mmdiffrep.registry import MODELS


class FeaturePair(nn.Module):
    """Student features against one teacher tap: connector, target scaling and loss.

    Args:
        student_channels (sequence of int): Channels of the student's features. One is projected
            by a 1x1 convolution, several by a :class:`HypercolumnConnector`.
        teacher_channels (int): Channels of the teacher's tap.
        loss (dict): Config of the loss, e.g. ``dict(type='mmdiffrep.DenseFeatureLoss')``.
        standardize (bool): Standardise the teacher's channels first. Defaults to False, as
            officially.
    """

    def __init__(
        self,
        student_channels: Sequence[int],
        teacher_channels: int,
        loss: dict,
        standardize: bool = False,
    ) -> None:
        super().__init__()
        if len(student_channels) == 1:
            self.connector = ConvConnector(student_channels[0], teacher_channels)
        else:
            self.connector = HypercolumnConnector(student_channels, teacher_channels)
        self.target = ChannelStandardizer(teacher_channels) if standardize else nn.Identity()
        self.loss = MODELS.build(loss)

    def forward(self, student: Sequence[Tensor], teacher: Tensor) -> Tensor:
        """Returns the loss, a scalar, of ``(B, Cs, h, w)`` maps against ``(B, Ct, h', w')``."""
        student = [feature.float() for feature in student]
        feature = self.connector(student[0] if len(student) == 1 else student)
        return self.loss(feature, self.target(teacher))


@MODELS.register_module()
class RepFusionDistiller(nn.Module):
    """Compares student with teacher features and trains the timestep policy.

    Args:
        pairs (list of dict): One dict a pair with ``loss`` and optionally ``standardize``, see
            :class:`FeaturePair`.
        student_channels (sequence of sequence of int): Channels of the student's features, one
            sequence a pair.
        teacher_channels (sequence of int): Channels of the teacher's tap of every pair.
        policy (dict): Config of the timestep policy.
        reward (dict, optional): Config of the reward, without ``in_channels``; it reads the last
            pair's teacher feature, as the official code does. Only for a policy that learns.
    """

    def __init__(
        self,
        pairs: Sequence[dict],
        student_channels: Sequence[Sequence[int]],
        teacher_channels: Sequence[int],
        policy: dict,
        reward: Optional[dict] = None,
    ) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(
            FeaturePair(cs, ct, **pair)
            for pair, cs, ct in zip(pairs, student_channels, teacher_channels)
        )
        self.policy: TimestepPolicy = MODELS.build(policy)
        if self.policy.needs_reward and reward is None:
            raise ValueError(
                f'{type(self.policy).__name__} needs a reward: give the hook '
                "reward=dict(type='mmdiffrep.ClassificationReward' | "
                "'mmdiffrep.SegmentationReward' | 'mmdiffrep.HeatmapReward', ...)"
            )
        # A decoder that nobody is rewarded by would be an unused parameter.
        self.reward = (
            MODELS.build({**reward, 'in_channels': teacher_channels[-1]})
            if self.policy.needs_reward
            else None
        )

    def forward(
        self,
        student_feats: Tuple[Tuple[Tensor, ...], ...],
        teacher_feats: Tuple[Tensor, ...],
        sample: TimestepSample,
        data_samples: Optional[List[BaseDataElement]],
        progress: float,
    ) -> Dict[str, Tensor]:
        """Computes the distillation terms.

        Args:
            student_feats (tuple): One tuple a pair, of maps ``(B, C, h, w)`` or vectors ``(B, C)``.
            teacher_feats (tuple): One map ``(B, C, h, w)`` a pair, read at ``sample.t``.
            sample (TimestepSample): What the policy drew.
            data_samples (list, optional): The host's data samples; labels are needed for rewards.
            progress (float): Share of the training that is done, in [0, 1].

        Returns:
            dict: Keys with ``loss`` are summed by mmengine (``loss_distill``, or one a pair with
            its index, ``loss_policy``, ``loss_decoder``); ``reward``, ``policy_entropy`` and
            ``timestep`` (batch means) are logged.
        """
        losses = {}
        for index, (pair, student, teacher) in enumerate(
            zip(self.pairs, student_feats, teacher_feats)
        ):
            key = 'loss_distill' if len(self.pairs) == 1 else f'loss_distill_{index}'
            losses[key] = pair(student, teacher)
        if self.reward is not None:
            task_loss = self.reward(teacher_feats[-1], data_samples)
            losses['loss_decoder'] = task_loss.mean()
            losses['reward'] = -task_loss.detach().mean()
            losses.update(self.policy.loss(sample, -task_loss, progress=progress))
        losses['timestep'] = sample.t.float().mean()
        return losses
