# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Cutting a network after its last tap: what is behind it is neither run nor kept in memory.

:func:`plan_cut` decides, from the traced order of the calls, which parts of a network the taps
need; each denoiser family applies such a plan to its own block lists.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from mmdiffrep.diffusion.taps import TapSite
from mmdiffrep.diffusion.trace import Call


class PassThrough(nn.Module):
    """Stands where a part was cut off: returns its first input as it is.

    Args:
        in_tuple: Return ``(hidden_states,)``, as diffusers' ``Transformer2DModel`` does.
    """

    def __init__(self, in_tuple: bool = False) -> None:
        super().__init__()
        self.in_tuple = in_tuple

    def forward(
        self, hidden_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> torch.Tensor | tuple[torch.Tensor]:
        """Return ``hidden_states``; a cut part may have been given more (time embeddings...)."""
        return (hidden_states,) if self.in_tuple else hidden_states


class CutPlan(NamedTuple):
    """Units (smallest parts that a family keeps or drops) that are kept by a cut.

    Attributes:
        live: Paths of units that have to run.
        held: Paths of units that only have to be called, because their input (or that of a block
            which begins with them) is a tap: they become a :class:`PassThrough`.
    """

    live: frozenset[str]
    held: frozenset[str]

    def needs(self, path: str) -> bool:
        """Return whether the submodule at ``path`` is, or contains, a unit that is kept."""
        return any(_inside(unit, path) for unit in self.live | self.held)


def plan_cut(calls: Mapping[str, Call], units: Iterable[str], sites: Iterable[TapSite]) -> CutPlan:
    """Find the units that some taps need.

    Args:
        calls: The traced calls of the whole network.
        units: Paths of the units.
        sites: Where the taps are read.

    Returns:
        The plan: a unit lives if it starts before the last tap can be read.
    """
    units = [unit for unit in units if unit in calls]
    live, held = set(), set()
    for path, side, *_ in sites:
        call = calls[path]
        moment = call.start if side == 'in' else call.end
        live.update(unit for unit in units if calls[unit].start < moment)
        if side == 'in':
            begins = [unit for unit in units if _inside(unit, path)]
            held.update(sorted(begins, key=lambda unit: calls[unit].start)[:1])
    return CutPlan(frozenset(live), frozenset(held - live))


def replace_dead(parts: nn.ModuleList | nn.Sequential, path: str, plan: CutPlan) -> int:
    """Replace the units of a module list that do not live by :class:`PassThrough`.

    Args:
        parts: The list, changed in place. Empty places (None) stay empty.
        path: Its dotted path in the network.
        plan: The plan.

    Returns:
        How many entries, counted from the front, are needed.
    """
    needed = 0
    for index, part in enumerate(parts):
        if plan.needs(f'{path}.{index}'):
            needed = index + 1
        if part is not None and f'{path}.{index}' not in plan.live:
            parts[index] = PassThrough()
    return needed


def _inside(unit: str, path: str) -> bool:
    return unit == path or unit.startswith(f'{path}.')
