# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of a timestep policy: which timestep the teacher reads each image at."""

from abc import ABC, abstractmethod
from typing import Dict, NamedTuple, Optional

import torch
from torch import Tensor, nn


class TimestepSample(NamedTuple):
    """Timesteps drawn for a batch.

    Attributes:
        t (Tensor): Timesteps, int64 ``(B,)``, 0-based.
        log_prob (Tensor, optional): log pi(t | x), ``(B,)``, with gradient. None when nothing
            is learned.
        entropy (Tensor, optional): Entropy of pi(. | x) in nats, ``(B,)``, with gradient.
    """

    t: Tensor
    log_prob: Optional[Tensor] = None
    entropy: Optional[Tensor] = None


class TimestepPolicy(nn.Module, ABC):
    """Base class of the timestep policies.

    A policy is stateless but for its parameters: chance comes in as ``uniform`` and time as
    ``progress``, so a resumed run draws what the undisturbed one would have drawn.

    Attributes:
        max_timestep (int): Largest timestep the policy can draw; checked against the teacher.
        needs_reward (bool): Whether :meth:`loss` has to be called with a reward.
    """

    max_timestep: int
    needs_reward: bool = False

    @abstractmethod
    def forward(
        self, images: Tensor, *, uniform: Optional[Tensor] = None, progress: float = 0.0
    ) -> TimestepSample:
        """Draws one timestep an image.

        Args:
            images (Tensor): RGB images in [-1, 1], ``(B, 3, H, W)``.
            uniform (Tensor, optional): One number in [0, 1) an image, ``(B,)``: the chance that
                the draw uses up. Defaults to None: drawn from the global generator.
            progress (float): Share of the training that is done, in [0, 1]. Defaults to 0.
        """

    def loss(self, sample: TimestepSample, reward: Tensor, *, progress: float) -> Dict[str, Tensor]:
        """Turns per-image rewards ``(B,)`` into the policy's losses; none if nothing is learned."""
        return {}

    @staticmethod
    def chance(images: Tensor, uniform: Optional[Tensor]) -> Tensor:
        """Returns ``uniform``, or fresh numbers in [0, 1), as float64 ``(B,)``."""
        if uniform is None:
            uniform = torch.rand(len(images), device=images.device, dtype=torch.float64)
        if uniform.shape != (len(images),):
            raise ValueError(
                f'uniform has shape {tuple(uniform.shape)}, expected one number an image: '
                f'({len(images)},)'
            )
        return uniform.to(device=images.device, dtype=torch.float64)
