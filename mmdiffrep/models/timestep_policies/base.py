# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of a timestep policy: which timestep the teacher reads each image at."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn


class TimestepSample(NamedTuple):
    """Timesteps drawn for a batch of B images, k an image: D = k * B draws.

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

    A policy has no state but its parameters and running statistics: chance comes in as
    ``uniform`` and ``common`` and time as ``progress``, so a resumed run draws what the
    undisturbed one would have drawn.

    Attributes:
        max_timestep (int): Largest timestep the policy can draw; checked against the teacher.
        num_samples (int): Timesteps drawn an image.
        num_pairs (int, optional): Number of pairs that the policy is made for. None: any.
        needs_reward (bool): Whether :meth:`loss` has to be called with a reward.
    """

    max_timestep: int
    num_samples: int = 1
    num_pairs: int | None = None
    needs_reward: bool = False

    @abstractmethod
    def forward(
        self,
        images: Tensor,
        *,
        uniform: Tensor | None = None,
        common: float | None = None,
        progress: float = 0.0,
    ) -> TimestepSample:
        """Draws ``num_samples`` timesteps an image.

        Args:
            images (Tensor): What the teacher sees before noise, ``(B, 3, H, W)``: RGB in [-1, 1],
                or with ``teacher_input='student'`` the student's tensor, as officially.
            uniform (Tensor, optional): One number in [0, 1) a draw, ``(num_samples * B,)``: the
                chance that the draw uses up. Defaults to None: drawn from the global generator.
            common (float, optional): One number in [0, 1) for all images, the same on all ranks.
                Defaults to None: drawn from the global generator.
            progress (float): Share of the training with a teacher that is done, in [0, 1].
                Defaults to 0.
        """

    def loss(
        self,
        sample: TimestepSample,
        reward: Tensor,
        *,
        progress: float,
        counted: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Turn rewards into the policy's losses; none if nothing is learned.

        Args:
            sample (TimestepSample): What :meth:`forward` drew.
            reward (Tensor): Reward of every draw, ``(D,)``; no gradient flows into it.
            progress (float): Share of the training with a teacher that is done, in [0, 1].
            counted (Tensor, optional): Which rewards count, bool ``(D,)``. Defaults to None: all.
        """
        return {}

    def chance(self, images: Tensor, uniform: Tensor | None) -> Tensor:
        """Return ``uniform``, or fresh numbers in [0, 1), as float64 ``(D,)``."""
        num_draws = self.num_samples * len(images)
        if uniform is None:
            uniform = torch.rand(num_draws, device=images.device, dtype=torch.float64)
        if uniform.shape != (num_draws,):
            raise ValueError(
                f'uniform has shape {tuple(uniform.shape)}, expected one number a draw: '
                f'({num_draws},)'
            )
        return uniform.to(device=images.device, dtype=torch.float64)
