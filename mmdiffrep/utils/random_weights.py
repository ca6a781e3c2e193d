# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The same network with random weights: what a trained one has to be compared with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from mmdiffrep.utils.rng import keep_random_state


@torch.no_grad()
def draw_weights(module: nn.Module, seed: int = 0) -> None:
    """Replace all weights of a network by random ones, as PyTorch's layers draw them.

    Parameters outside of such layers are drawn by their shape: scales (vectors) become 1, those
    named ``bias`` 0, tables of positions and tokens normal with a standard deviation of 0.02.

    Args:
        module: Changed in place, with the running statistics of its normalization.
        seed: Of the draw; torch's global random state stays as it is.
    """
    with keep_random_state():
        torch.manual_seed(seed)
        for part in module.modules():
            reset = getattr(part, 'reset_parameters', None)
            if callable(reset):
                reset()
                continue
            for name, parameter in part.named_parameters(recurse=False):
                if parameter.dim() > 1:
                    parameter.normal_(std=0.02)
                else:
                    parameter.fill_(0.0 if name.endswith('bias') else 1.0)


@contextmanager
def random_weights(module: nn.Module, seed: int = 0) -> Iterator[None]:
    """Give a network random weights for a moment; its own come back bit for bit.

    They wait on the CPU meanwhile, so that a GPU needs no memory for them.

    Args:
        module: See :func:`draw_weights`.
        seed: See :func:`draw_weights`.
    """
    tensors = [*module.parameters(), *module.buffers()]
    own = [tensor.detach().to('cpu', copy=True) for tensor in tensors]
    try:
        draw_weights(module, seed)
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, own):
                tensor.copy_(value)
