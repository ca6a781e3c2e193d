# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The schedule of a model whose folder does not say it: clean images only."""

from typing import Any, NoReturn

import torch
from torch import Tensor

from mmdiffrep.diffusion.schedule_base import Schedule


class UnknownSchedule(Schedule):
    """Timesteps 0 .. 999 of unknown noise: the network can be told them, noise cannot be added.

    Args:
        source: The model, for the error.
    """

    def __init__(self, source: str) -> None:
        super().__init__(torch.full((1000,), torch.nan, device='cpu'), 'epsilon')
        self.source = source

    @property
    def scheduler_config(self) -> dict[str, Any]:
        """There is none."""
        self._refuse('be sampled')

    @property
    def settings(self) -> dict[str, Any]:
        """Says that the schedule is not known."""
        return dict(schedule='unknown')

    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor | int) -> Tensor:
        """Refuse."""
        self._refuse('be given noised images')

    def noise_level(self, t: Tensor | int) -> Tensor:
        """Refuse."""
        self._refuse('be asked for noise levels')

    def nearest_timestep(self, level: float) -> int:
        """Refuse."""
        self._refuse('be asked for noise levels')

    def _refuse(self, what: str) -> NoReturn:
        raise ValueError(
            f"'{self.source}' cannot {what}: it has no scheduler_config.json, beside it or in "
            "../scheduler, that says how much noise a timestep is. Give the pipeline's folder, or "
            "schedule='linear' (DDPM), 'scaled_linear' (Stable Diffusion), 'cosine', 'flow', ... "
            "in dict(type='...Denoiser', pretrained=..., schedule=...)."
        )
