# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Holding a frozen network without owning it."""

from torch import nn


class Unregistered:
    """Hides a frozen module from the module that holds it.

    The holder's optimizer, state dict, DDP wrapper and ``train()`` do not see the module, and deep
    copies of the holder (which EMA makes) share it instead of doubling it.

    Args:
        module: A frozen module.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __deepcopy__(self, memo: dict[int, object]) -> 'Unregistered':
        return self
