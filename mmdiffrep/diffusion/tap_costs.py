# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Cost of reading a tap: the share of the network's arithmetic up to there."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from mmdiffrep.diffusion.denoisers import Denoiser
from mmdiffrep.diffusion.image_model import LatentDiffusion


def tap_costs(
    denoiser: Denoiser, taps: Sequence[str] | None = None, size: int | None = None
) -> dict[str, float]:
    """Measure the share of a whole pass's FLOPs that has been spent when a tap can be read.

    This is what a network truncated after the tap costs, relative to the whole one. Nothing is
    computed: one pass on the meta device is counted.

    Args:
        denoiser: A whole denoiser on the meta device (built within ``torch.device('meta')``).
        taps: Names of taps; None: all canonical ones.
        size: Side of the image; None: the one that the network was trained on. Attention's share
            grows with it.

    Returns:
        Tap name -> share in [0, 1].

    Raises:
        ValueError: The denoiser is not on the meta device, or ``size`` does not fit it.
        TapError: Unknown taps.
    """
    if isinstance(denoiser, LatentDiffusion):  # the share of the network alone, VAE left out
        stride = denoiser.codec.stride
        return tap_costs(denoiser.denoiser, taps, None if size is None else size // stride)
    if not all(parameter.is_meta for parameter in denoiser.parameters()):
        raise ValueError("FLOPs are counted on the meta device: give denoiser.to('meta').")
    counter = FlopCounterMode(display=False)
    spent: dict[str, int] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(*_: Any, **__: Any) -> None:
            spent[name] = counter.get_total_flops()

        return hook

    side = denoiser.image_size if size is None else size
    image = torch.empty(1, denoiser.in_channels, side, side, device='meta')
    cond = denoiser.example_condition()
    with ExitStack() as hooks, torch.no_grad():
        for name in denoiser.taps if taps is None else taps:
            path, where, _ = denoiser.taps.site(name)
            module = denoiser.network.get_submodule(path)
            register = (
                module.register_forward_pre_hook if where == 'in' else module.register_forward_hook
            )
            hooks.callback(register(note(name)).remove)
        with counter:
            denoiser.predict(image, 0, cond)
    total = counter.get_total_flops()
    return {name: flops / total for name, flops in spent.items()}
