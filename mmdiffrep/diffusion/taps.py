# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Taps: the names of the places in a denoiser where features are read.

Grammar of a tap name: ``<block>[@in|@out]``, where the block is one of

- ``enc.<i>``: the i-th block from the image inwards, ``mid``: the middle, ``dec.<i>``: the i-th
  block on the way out. What a family counts as a block is said by its denoiser class.
- ``block.<i>``: the i-th block of a network that has no way in and out, a transformer.
- ``single.<i>``: the i-th block of Flux in which prompt and image share one stream.
- ``module:<dotted path>``: any submodule that the network calls once a pass and that gives a map or
  a token per cell of the image (queries, keys, values and outputs of its self-attention).
- ``ddpm_seg:<n>``, ``dift:<n>``, ``gdc:<b>``, ``ddae:<n>``: the numbers that these papers use for
  their networks. A family says which of them it has and what they mean: ``dift:1`` is ``dec.1`` of
  ADM, but ``module:up_blocks.1`` of Stable Diffusion.

``@out`` (the default) reads what the block gives, ``@in`` what it is given; the input of a
decoder block is the map after the skip connection has been concatenated.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mmdiffrep.utils.near_names import did_you_mean

_BLOCK = re.compile(r'(mid|(?:enc|dec|block|single)\.\d+|module:[\w.]+)')
ALIAS = re.compile(r'(ddpm_seg|dift|gdc|ddae):(\d+)')


class Tap(NamedTuple):
    """What a tap gives: ``channels`` and ``stride`` (pixels of the image per cell of the map)."""

    channels: int
    stride: int

    def cells(self, height: int, width: int) -> tuple[int, int]:
        """Return the sides of the map of an image, whose edges may fill a cell in part."""
        return -(-height // self.stride), -(-width // self.stride)


class BlockPaths(NamedTuple):
    """The submodules where a block begins and ends (the same one for most blocks)."""

    first: str
    last: str


class TapSite(NamedTuple):
    """Where a tap is read.

    Attributes:
        path: Dotted path of a submodule.
        side: ``'in'`` or ``'out'``.
        member: Which of the tensors that the submodule is given or gives; None: the first.
    """

    path: str
    side: str
    member: int | None = None


class TapError(KeyError, ValueError):
    """A tap that cannot be read; the message says why and lists what can."""

    def __str__(self) -> str:
        return self.args[0]


def split_tap(name: str) -> tuple[str, str]:
    """Split a tap name into its block, as given, and its side.

    Raises:
        TapError: The name does not follow the grammar.
    """
    block, at, side = name.partition('@')
    known = _BLOCK.fullmatch(block) or ALIAS.fullmatch(block)
    if not known or (at and side not in ('in', 'out')):
        raise TapError(
            f"taps: '{name}' is not a tap name.{did_you_mean(name, ['mid'])} Expected enc.<i>, "
            'mid, dec.<i>, block.<i>, single.<i>, module:<dotted path>, ddpm_seg:<n>, dift:<n>, '
            'gdc:<b> or ddae:<n>, with an optional @in or @out behind it.'
        )
    return block, side or 'out'


def tap_names(taps: Sequence[str]) -> tuple[str, ...]:
    """Check that taps are given as a list of names, and return it as a tuple.

    Raises:
        TapError: One name that is in no list, or no name at all.
    """
    if not isinstance(taps, Iterable) or isinstance(taps, str) or not taps:
        raise TapError(f"taps must be a list of tap names such as ['mid'], got {taps!r}.")
    return tuple(taps)
