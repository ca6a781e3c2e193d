# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base of the noise schedules: numbered noise levels."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.utils.checks import of_shape, one_of, within

PREDICTIONS = ('epsilon', 'sample', 'v_prediction')


class Schedule(ABC):
    """Discrete timesteps 0 .. T - 1 of rising noise, and how a network is told of them.

    A noise level is ``sqrt(1 - alpha_bar)``, the share of the noise in a mixture of unit variance:
    sigma / sqrt(1 + sigma^2) for images that noise of deviation sigma was added to. So the same
    level means the same noise under every schedule.

    Args:
        levels: (T,) noise level of each timestep, in [0, 1], on the CPU.
        prediction_type: What the network predicts, in the words of diffusers' schedulers.

    Raises:
        ValueError: An unknown prediction type.
    """

    def __init__(self, levels: Tensor, prediction_type: str) -> None:
        self.levels = levels
        self.prediction_type = one_of('prediction_type', prediction_type, PREDICTIONS)
        self._on_device: dict[tuple[str, torch.device], Tensor] = {}

    @abstractmethod
    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor | int) -> Tensor:
        """Give x_t, computed in fp32.

        Args:
            x0: (B, C, H, W) images in [-1, 1].
            eps: (B, C, H, W) standard normal noise.
            t: (B,) timesteps, or one for all.

        Returns:
            (B, C, H, W) in ``x0``'s dtype.

        Raises:
            ValueError: A timestep outside 0 .. T - 1, or shapes that differ.
        """

    @property
    @abstractmethod
    def scheduler_config(self) -> dict[str, Any]:
        """The schedule as arguments of diffusers' schedulers of its kind."""

    def network_input(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the network is given for x_t and t.

        Args:
            x_t: (B, C, H, W), of :meth:`add_noise` or clean.
            t: (B,) timesteps on the same device, checked.

        Returns:
            Its image and its time, here x_t and t themselves.
        """
        return x_t, t

    @property
    def settings(self) -> dict[str, Any]:
        """Return what tells this kind of schedule from DDPM's, besides its levels; JSON values."""
        return {}

    @property
    def num_timesteps(self) -> int:
        """T: timesteps run from 0 to T - 1."""
        return len(self.levels)

    def noise_level(self, t: Tensor | int) -> Tensor:
        """Return the noise levels in [0, 1] of timesteps of any shape.

        Raises:
            ValueError: Not integers, or outside 0 .. T - 1.
        """
        t = torch.as_tensor(t)
        self._check_values(t)
        return self._look_up('levels', t, t.device)

    def nearest_timestep(self, level: float) -> int:
        """Return the timestep whose noise level is nearest to ``level``.

        Args:
            level: Noise level in [0, 1].

        Raises:
            ValueError: A level outside [0, 1].
        """
        within('A noise level, sqrt(1 - alpha-bar),', level, 0, 1)
        return int((self.levels - level).abs().argmin())

    def check_timesteps(self, t: Tensor | int, batch: int) -> Tensor:
        """Return timesteps as a (batch,) long tensor.

        Args:
            t: One timestep, or (batch,) of them.
            batch: Number of images.

        Raises:
            ValueError: Not integers, a wrong number of them, or outside 0 .. T - 1. (Values on an
                accelerator are not read back, so there only shape and type are checked.)
        """
        t = torch.as_tensor(t)
        self._check_values(t)
        if t.numel() != 1:
            of_shape('one timestep, or one per image', t, batch)
        return t.long().reshape(-1).expand(batch)

    def _check_values(self, t: Tensor) -> None:
        if t.dtype == torch.bool or t.is_floating_point():
            raise ValueError(f'Timesteps are integers, got dtype {t.dtype}.')
        if t.device.type == 'cpu' and not torch.compiler.is_compiling() and t.numel():
            low, high = int(t.min()), int(t.max())
            if low < 0 or high >= self.num_timesteps:
                raise ValueError(
                    f'Timesteps must lie in 0 .. {self.num_timesteps - 1}, got {low} .. {high}.'
                )

    def _look_up(self, table: str, t: Tensor, device: torch.device) -> Tensor:
        """Entries of one of this schedule's tables, kept in fp32 where they are needed."""
        key = (table, device)
        if key not in self._on_device:
            self._on_device[key] = getattr(self, table).to(device, torch.float32)
        return self._on_device[key][t.to(device).long()]


def check_noise(x0: Tensor, eps: Tensor) -> None:
    """Check that there is a noise value for each pixel.

    Raises:
        ValueError: The shapes differ.
    """
    of_shape('noise', eps, *x0.shape)
