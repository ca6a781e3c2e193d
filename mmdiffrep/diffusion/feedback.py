# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Two passes of one frozen network, the second with maps of the first added to its encoder.

The passes have different inputs and ends, so each has its own network. The two share their
weights, and each is cut after its own last tap.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmdiffrep.diffusion.denoisers import Denoiser
from mmdiffrep.diffusion.tap_table import TapTable
from mmdiffrep.diffusion.taps import TapError, tap_names


class FeedbackPair(NamedTuple):
    """A decoder tap whose map is fed back, and the encoder tap that it is added to."""

    source: str
    target: str


def resolve_feedback(
    denoiser: Denoiser,
    taps: Sequence[str],
    feedback: None | Sequence[str] | Mapping[str, str] = None,
) -> list[FeedbackPair]:
    """Pair the maps that are fed back with the encoder maps that they are added to.

    Args:
        denoiser: A whole network with skip connections.
        taps: Taps of the second pass.
        feedback: Decoder taps (each is paired with the encoder map that it is concatenated with),
            or a mapping from decoder to encoder taps. None: one pair per resolution, with the first
            res block of its encoder; for ADM-256 these are DifFeed's six pairs.

    Returns:
        The pairs, in the order given; by default from the middle of the network outwards.

    Raises:
        TapError: An unknown tap, a source that is not after the encoder, a target that is
            not an encoder map or comes too late to change what is read, a tap that is named twice,
            or a network without skip connections.
    """
    table, skips = denoiser.taps, denoiser.skips
    if not skips:
        raise TapError(f'{denoiser.source} has no plain skip connections to feed maps back along.')
    if not isinstance(feedback, Mapping):
        sources = _default_sources(table, skips) if feedback is None else tap_names(feedback)
        partners = {table.site(f'dec.{index}'): skip for index, skip in enumerate(skips)}
        unpaired = [name for name in sources if table.site(name) not in partners]
        if unpaired:
            raise TapError(
                f'{unpaired} have no encoder maps of their own: feedback lists decoder blocks, '
                f'{_range("dec", skips)}, or is a mapping from decoder to encoder taps.'
            )
        pairs = [FeedbackPair(name, partners[table.site(name)]) for name in sources]
    else:
        pairs = [FeedbackPair(*pair) for pair in feedback.items()]
    if not pairs:
        raise TapError('feedback is empty: give decoder taps, or None for the default.')
    _check_pairs(pairs, table, skips, tap_names(taps))
    return pairs


def recompute_activations(denoiser: Denoiser) -> None:
    """Make the backward pass compute the network's activations again instead of keeping them.

    Only the inputs of the parts (res block, attention, sampler) are kept. Gradients are the same.
    """
    modules = dict(denoiser.network.named_modules())
    recompute = partial(
        checkpoint,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=partial(_forward_and_backward, denoiser),
    )
    for path in denoiser.units:
        if path in modules:
            part = modules[path]
            part.forward = partial(recompute, part.forward)


def _forward_and_backward(
    denoiser: Denoiser,
) -> tuple[AbstractContextManager, AbstractContextManager]:
    """Return the contexts of the two passes: taps inside a part are read only in the first."""
    return nullcontext(), denoiser.reading_paused()


class MapAdder:
    """Add maps to the outputs of chosen parts of a network.

    Args:
        denoiser: The denoiser whose network gets the hooks.
        taps: Where maps can be added, outputs all of them.
    """

    def __init__(self, denoiser: Denoiser, taps: Sequence[str]) -> None:
        self._maps: dict[str, Tensor] = {}
        for tap in taps:
            module = denoiser.network.get_submodule(denoiser.taps.site(tap).path)
            # first of all hooks: a tap of the same part reads the sum
            module.register_forward_hook(partial(self._add, tap), prepend=True)

    def __deepcopy__(self, memo: dict[int, object]) -> 'MapAdder':
        return self  # the hooks are those of this one

    @contextmanager
    def adding(self, maps: Mapping[str, Tensor]) -> Iterator[None]:
        """Add (B, C, h, w) maps by tap while it lasts, resized bilinearly where sides differ."""
        self._maps.update(maps)
        try:
            yield
        finally:
            self._maps.clear()

    def _add(self, tap: str, module: nn.Module, args: object, output: Tensor) -> Tensor | None:
        if tap not in self._maps:
            return None
        extra = self._maps[tap]
        if extra.shape[2:] != output.shape[2:]:
            extra = F.interpolate(
                extra, size=output.shape[2:], mode='bilinear', align_corners=False
            )
        return output + extra.to(output.dtype)


def _default_sources(table: TapTable, skips: Sequence[str]) -> list[str]:
    """Return the decoder blocks that are given the first res block of each resolution."""
    sources: dict[int, list[str]] = {}
    for index, skip in enumerate(skips):
        sources.setdefault(table[skip].stride, []).append(f'dec.{index}')
    # the last map of a resolution is its input, of the stem or a down-sampler
    return [group[-2] for group in sources.values() if len(group) > 1]


def _check_pairs(
    pairs: Sequence[FeedbackPair], table: TapTable, skips: Sequence[str], taps: Sequence[str]
) -> None:
    places = {table.site(skip) for skip in skips}
    behind = max(_moment(table, skip) for skip in skips)
    last = max(taps, key=lambda name: _moment(table, name))
    for source, target in pairs:
        if _moment(table, source) <= behind:
            raise TapError(
                f"'{source}' cannot be fed back: it is read in the encoder. Feedback comes from "
                f'mid or {_range("dec", skips)}.'
            )
        if table.site(target) not in places:
            raise TapError(
                f"'{target}' cannot be fed: maps are added to what the decoder is given, that is "
                f'{", ".join(reversed(skips))}.'
            )
        if _moment(table, target) >= _moment(table, last):
            fed = [name for name in reversed(skips) if _moment(table, name) < _moment(table, last)]
            raise TapError(
                f"'{target}' is fed after '{last}' is read, the last tap, and changes nothing. "
                f'Read a later tap, or feed {", ".join(fed) or "nothing"}.'
            )
    for kind in FeedbackPair._fields:
        names = [getattr(pair, kind) for pair in pairs]
        if len({table.site(name) for name in names}) < len(names):
            raise TapError(f'Every {kind} of feedback is named once, got {names}.')


def _moment(table: TapTable, name: str) -> int:
    path, side, _ = table.site(name)
    return table.calls[path].start if side == 'in' else table.calls[path].end


def _range(part: str, skips: Sequence[str]) -> str:
    return f'{part}.0 .. {part}.{len(skips) - 1}'
