# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of a timestep policy: which timestep the teacher reads each image at."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

from mmdiffrep.diffusion.schedule_base import Schedule


class Draws(NamedTuple):
    """The random numbers that a policy may use in one iteration, and how far training is.

    Attributes:
        uniforms (Tensor): Numbers in [0, 1) on the images' device, float64
            ``(num_samples * B,)``: the first of every image, then the second of every image.
        shared (float): A number in [0, 1) that all images and ranks share. Defaults to 0.
        progress (float): Share of the training with a teacher that is done, in [0, 1]. Defaults
            to 0.
    """

    uniforms: Tensor
    shared: float = 0.0
    progress: float = 0.0


class TimestepSample(NamedTuple):
    """Timesteps drawn for a batch of B images, k per image: D = k * B draws.

    The first draws of all images come first, then the second ones.

    Attributes:
        t (Tensor): Timesteps, int64 ``(D,)``, 0-based.
        log_prob (Tensor, optional): log pi(t | x), ``(D,)``, with gradient. None when nothing
            is learned.
        entropy (Tensor, optional): Entropy of pi(. | x) in nats, ``(B,)``, with gradient.
        weight (Tensor, optional): Importance weight pi / mu of every draw, ``(D,)``, without
            gradient. None where the draws follow pi itself.
        action (Tensor, optional): Which action was drawn, int64 ``(D,)``.
        log_probs (Tensor, optional): log pi(. | x), ``(B, actions)``, with gradient.
        pair (int, optional): The one pair that is compared in this iteration. None: all.
    """

    t: Tensor
    log_prob: Tensor | None = None
    entropy: Tensor | None = None
    weight: Tensor | None = None
    action: Tensor | None = None
    log_probs: Tensor | None = None
    pair: int | None = None


class TimestepPolicy(nn.Module, ABC):
    """Base class of the timestep policies.

    A policy has no state but its parameters and running statistics: random numbers and time come
    in as :class:`Draws`, so a resumed run draws what the uninterrupted one would have drawn.

    Attributes:
        max_timestep (int): Largest timestep the policy can draw; checked against the teacher.
        num_samples (int): Timesteps drawn per image.
        num_pairs (int, optional): Number of pairs that the policy is made for. None: any.
        needs_reward (bool): Whether :meth:`loss` has to be called with a reward.
        mean_reward (Tensor): Moving mean of the rewards so far, float32, a scalar; only where
            rewards are needed.
    """

    max_timestep: int
    num_samples: int = 1
    num_pairs: int | None = None
    needs_reward: bool = False
    mean_reward: Tensor

    def fit(self, schedule: Schedule, size: int) -> None:
        """Adapt to a diffusion model before the first draw; most policies need not.

        Args:
            schedule (Schedule): Its noise schedule.
            size (int): Side in pixels of the images that it sees.
        """

    @property
    def timesteps(self) -> tuple[int, ...]:
        """All timesteps that it can draw, ascending: what a bank of features has to hold."""
        return tuple(range(self.max_timestep + 1))

    @abstractmethod
    def forward(self, images: Tensor, draws: Draws) -> TimestepSample:
        """Draw ``num_samples`` timesteps per image.

        Args:
            images (Tensor): What the teacher sees before noise, ``(B, 3, H, W)``: RGB in [-1, 1],
                or with ``teacher_input='student'`` the student's tensor (official).
            draws (Draws): Random numbers and time.
        """

    def loss(
        self, sample: TimestepSample, reward: Tensor, progress: float, counted: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Turn rewards into the policy's losses; none if nothing is learned.

        Args:
            sample (TimestepSample): What :meth:`forward` drew.
            reward (Tensor): Reward of every draw, ``(D,)``; no gradient flows into it.
            progress (float): Share of the training with a teacher that is done, in [0, 1].
            counted (Tensor, optional): Which rewards count, bool ``(D,)``. Defaults to None: all.
        """
        return {}
