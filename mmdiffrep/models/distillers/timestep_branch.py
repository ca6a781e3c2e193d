# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""One timestep policy, what it is rewarded by, and the losses of what it read."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmdiffrep.models.rewards import Lesson, Reward, held_out
from mmdiffrep.models.timestep_policies import TimestepPolicy, TimestepSample
from mmdiffrep.registry import MODELS

# One tuple of student features a pair.
StudentFeatures = Sequence[tuple[Tensor, ...]]


class Reading(NamedTuple):
    """Teacher features and the draw that they were read at.

    Attributes:
        sample (TimestepSample): D = k * B draws.
        features (tuple of Tensor): One feature a pair, ``(D, C, h, w)`` or ``(D, C)``.
    """

    sample: TimestepSample
    features: tuple[Tensor, ...]


class TimestepBranch(nn.Module):
    """Draws timesteps, compares the student with what was read there, and rewards the policy.

    Args:
        policy (dict): Config of the timestep policy.
        reward (dict, optional): Config of the reward, without ``in_channels``. Only a policy that
            learns gets one: a decoder that nobody is rewarded by would be an unused parameter.
        in_channels (int): Channels of the teacher's feature that the reward reads.
        holdout (float): Share of the images that the reward's decoder never learns from; they
            alone reward the policy. It plays no part for a reward without a decoder, nor for one
            that compares images. Defaults to 0: all images do both, as officially.

    Raises:
        ValueError: A policy that learns without a reward, a reward for a policy that learns
            nothing, or a config of something else than a policy and a reward.
    """

    def __init__(
        self,
        policy: dict,
        reward: dict | None,
        in_channels: int,
        holdout: float = 0.0,
    ) -> None:
        super().__init__()
        self.policy: TimestepPolicy = _build(policy, TimestepPolicy, 'policy')
        self.holdout = holdout
        self.reward: Reward | None = None
        if not self.policy.needs_reward:
            if reward is not None:
                raise ValueError(
                    f'{type(self.policy).__name__} learns nothing, so nobody asks for the reward '
                    f'{dict(reward)}: leave it out, or give policy=dict(type='
                    "'mmdiffrep.ReinforcedTimestep')"
                )
            return
        if reward is None:
            raise ValueError(
                f'{type(self.policy).__name__} needs a reward: give the hook '
                "reward=dict(type='mmdiffrep.ClassificationReward' | "
                "'mmdiffrep.SegmentationReward' | 'mmdiffrep.HeatmapReward' | "
                "'mmdiffrep.InstanceDiscriminationReward' | 'mmdiffrep.StudentGainReward', ...)"
            )
        self.reward = _build(reward, Reward, 'reward', in_channels=in_channels)

    @property
    def holds_out(self) -> bool:
        """Whether images are kept from the reward's decoder."""
        reward = self.reward
        return (
            self.holdout > 0 and reward is not None and reward.learns and not reward.compares_images
        )

    def forward(
        self,
        pairs: nn.ModuleList,
        student: StudentFeatures,
        reading: Reading,
        data_samples: list[BaseDataElement] | None,
        progress: float,
        task_loss: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the terms of this branch; see :class:`RepFusionDistiller`."""
        sample, num_draws = reading.sample, self.policy.num_samples
        by_draw = list(zip(*(feature.chunk(num_draws) for feature in reading.features)))
        terms = [_compare(pairs, student, features, sample.pair) for features in by_draw]
        losses = {
            'loss_distill' if len(pairs) == 1 else f'loss_distill_{index}': sum(
                draw[index] for draw in terms
            )
            / num_draws
            for index in terms[0]
        }
        if self.reward is not None:
            lessons = [Lesson(student[-1], draw[len(pairs) - 1], task_loss) for draw in terms]
            features = [draw[-1] for draw in by_draw]
            losses.update(self._reward(features, lessons, sample, data_samples, progress))
        losses['timestep'] = sample.t.float().mean()
        return losses

    def _reward(
        self,
        features: Sequence[Tensor],
        lessons: Sequence[Lesson],
        sample: TimestepSample,
        data_samples: list[BaseDataElement] | None,
        progress: float,
    ) -> dict[str, Tensor]:
        """Rewards each draw of an image, and trains decoder and policy."""
        results = [
            self.reward(feature, data_samples, lesson) for feature, lesson in zip(features, lessons)
        ]
        reward = torch.cat([result.reward for result in results])
        counted = None
        if self.holds_out:
            counted = held_out(data_samples, self.holdout).to(reward.device, non_blocking=True)
            counted = counted.repeat(self.policy.num_samples)
        losses = {'reward': _mean(reward, counted, or_all=True)}
        if self.reward.learns:
            loss = torch.cat([result.loss for result in results])
            losses['loss_decoder'] = _mean(loss, None if counted is None else ~counted)
        losses.update(self.policy.loss(sample, reward, progress=progress, counted=counted))
        return losses


def _build(config: dict, kind: type, role: str, **inferred: int) -> nn.Module:
    """Build a policy or a reward, or says that the config is of something else."""
    name = config.get('type')
    found = MODELS.get(name) if isinstance(name, str) else name
    if isinstance(found, type) and not issubclass(found, kind):
        raise ValueError(
            f'the {role} must be a {kind.__name__}, got {dict(config)}, which is a {found.__name__}'
        )
    return MODELS.build({**config, **inferred})


def _compare(
    pairs: nn.ModuleList, student: StudentFeatures, teacher: tuple[Tensor, ...], only: int | None
) -> dict[int, Tensor]:
    """Return the loss of every pair, or of one that keeps the other pairs' features in use.

    DDP and the optimizer expect a gradient, be it zero, for whatever leads to a student layer.
    """
    if only is None:
        return {i: pair(s, z) for i, (pair, s, z) in enumerate(zip(pairs, student, teacher))}
    others = [feature for i, group in enumerate(student) if i != only for feature in group]
    # One element of each: a sum over all could overflow in float16.
    unused = sum(feature[(0,) * feature.dim()] * 0 for feature in others)
    return {only: pairs[only](student[only], teacher[only]) + unused}


def _mean(values: Tensor, counted: Tensor | None, or_all: bool = False) -> Tensor:
    """Mean of the values that count, over all ranks: averaged over the ranks it is exact.

    Where none counts it is 0, or the mean of all values.
    """
    if counted is None:
        return values.mean()
    count = counted.sum().float()
    all_reduce(count)
    mean = (values * counted).sum() * get_world_size() / count.clamp(min=1)
    return torch.where(count > 0, mean, values.mean()) if or_all else mean
