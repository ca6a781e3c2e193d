# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""mmengine's exponential moving average, for all parameters at once."""

from typing import Any

import torch
from mmengine.model import MomentumAnnealingEMA
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import at_least, positive


@MODELS.register_module()
class ForeachEMA(MomentumAnnealingEMA):
    """mmengine's ``MomentumAnnealingEMA`` in a few kernels.

    mmengine averages one parameter after the other and reads the step from the device for each of
    them, which waits for the device.

    The decay is ``min(1 - momentum, 1 - (1 + steps / gamma)^-power)``, so that a short run forgets
    its start. ``gamma=0`` leaves the warm-up out.

    Args:
        model: The model to average.
        momentum: 1 minus the decay. Defaults to mmengine's 0.0002. Official for DDPM: 0.0001.
        gamma: Steps of the warm-up, 0 for none: ``ExponentialMovingAverage``, the default of
            ``EMAHook``. Defaults to mmengine's 100.
        power: Exponent of the warm-up. Defaults to mmengine's 1. DDAE's code (``ema_pytorch``):
            gamma 1 and power 2 / 3.
        interval: Steps between two averages. Defaults to 1.
        device: Device of the averages. Defaults to None: the device of the model.
        update_buffers: Average buffers too, instead of copying them. Defaults to False.

    Raises:
        ValueError: A power that is not positive, or a negative gamma.
    """

    def __init__(
        self,
        model: nn.Module,
        momentum: float = 0.0002,
        gamma: int = 100,
        power: float = 1.0,
        interval: int = 1,
        device: torch.device | None = None,
        update_buffers: bool = False,
    ) -> None:
        super().__init__(
            model, momentum, at_least('gamma', gamma, 0) or 1, interval, device, update_buffers
        )
        self.gamma = gamma
        self.power = positive('power', power)
        self._steps_on_host: int | None = None

    def update_parameters(self, model: nn.Module) -> None:
        """Update the averages with the parameters of a model; the first call copies them."""
        if self._steps_on_host is None:
            self._steps_on_host = int(self.steps)
        if self._steps_on_host % self.interval == 0:
            average = get_ema_multi_avg_fn(min(1 - self.momentum, self._warm_up()))
            average(
                _averaged(self.module, self.update_buffers),
                _averaged(model, self.update_buffers),
                self.steps,
            )
        if not self.update_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers()):
                mine.data.copy_(theirs.data)
        self.steps += 1
        self._steps_on_host += 1

    def _warm_up(self) -> float:
        if not self.gamma:
            return float(self._steps_on_host > 0)
        return 1 - (1 + self._steps_on_host / self.gamma) ** -self.power

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Load the buffers, and forget the host's copy of the number of steps."""
        super()._load_from_state_dict(*args, **kwargs)
        self._steps_on_host = None


def _averaged(model: nn.Module, buffers: bool) -> list[Tensor]:
    """Return the averaged tensors: floating-point parameters, and buffers on request."""
    tensors = [*model.parameters(), *(model.buffers() if buffers else ())]
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
