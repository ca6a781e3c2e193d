# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The table of a network's taps: where each is read, and what it gives."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence

from mmdiffrep.diffusion.paper_taps import alias_to_canonical
from mmdiffrep.diffusion.taps import ALIAS, BlockPaths, Tap, TapError, TapSite, split_tap
from mmdiffrep.diffusion.trace import Call

_NUMBERED = dict(
    ddpm_seg='ADM', dift='ADM or Stable Diffusion', gdc='ADM-256', ddae="DDAE's U-Nets"
)


class TapTable(Mapping[str, Tap]):
    """All taps of a network with their shapes, known without running it.

    Iterating gives the canonical names; any tap name (``module:``, ``@in``, aliases) can be looked
    up. A table of a truncated network knows where the cut is.

    Args:
        calls: The network's submodule calls in one pass (``trace.trace_calls``).
        blocks: Canonical block names and where they begin and end.
        image_size: Side in pixels of the image that the calls were traced with.
        cut_after: Taps after the last of which the network was cut; None for a whole network.
        aliases: Alias -> canonical or ``module:`` name.
        text: Tokens of the prompt in the traced pass; 0 without a prompt.
    """

    def __init__(
        self,
        calls: Mapping[str, Call],
        blocks: Mapping[str, BlockPaths],
        image_size: int,
        cut_after: Sequence[str] | None = None,
        aliases: Mapping[str, str] | None = None,
        text: int = 0,
    ) -> None:
        self.calls = dict(calls)
        self.blocks = dict(blocks)
        self.image_size = image_size
        self.aliases = dict(aliases or {})
        self.text = text
        self._cut_after: str | None = None
        if cut_after is not None:
            self._cut_after = max(cut_after, key=self._when)

    def site(self, name: str) -> TapSite:
        """Return where a tap is read.

        Raises:
            TapError: The tap does not exist, is not a map, is ambiguous, or lies after the cut.
        """
        site = self._find(name)
        if self._cut_after is not None and self._when(name) > self._when(self._cut_after):
            raise TapError(
                f"Tap '{name}' lies after the cut: this network was truncated after "
                f"'{self._cut_after}'. Load it with '{name}' among its taps, or whole."
            )
        return site

    def cut(self, taps: Sequence[str]) -> 'TapTable':
        """Return the table of the same network truncated after the last of ``taps``."""
        return TapTable(self.calls, self.blocks, self.image_size, taps, self.aliases, self.text)

    def at_size(self, image_size: int) -> 'TapTable':
        """Return the table with strides relative to an image of another side.

        Args:
            image_size: Side of the image from which the network's input is made, such as the image
                that a VAE encodes.
        """
        table = TapTable(self.calls, self.blocks, image_size, None, self.aliases, self.text)
        table._cut_after = self._cut_after
        return table

    def __getitem__(self, name: str) -> Tap:
        shape = self._shape(self.site(name))
        ratio = self.image_size / shape[2]
        # sides that do not divide (28 px in a network of 4 levels) are rounded at each level
        stride = int(ratio) if ratio.is_integer() else 2 ** round(math.log2(ratio))
        return Tap(shape[1], max(1, stride))

    def __iter__(self) -> Iterator[str]:
        if self._cut_after is None:
            return iter(self.blocks)
        limit = self._when(self._cut_after)
        return iter([name for name in self.blocks if self._when(name) <= limit])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __deepcopy__(self, memo: dict[int, object]) -> 'TapTable':
        return self  # nothing in it ever changes

    def __repr__(self) -> str:
        return f'TapTable({dict(self)})'

    def module_taps(self) -> list[str]:
        """List every ``module:`` tap that the whole network has, in the order of the calls."""
        paths = sorted(self.calls, key=lambda path: self.calls[path].start)
        return [
            f'module:{path}@{side}'
            for path in paths
            for side in ('in', 'out')
            if self.calls[path].count == 1 and len(self._shape(TapSite(path, side))) == 4
        ]

    def _when(self, name: str) -> int:
        """Return the point of the pass at which a tap can be read."""
        path, side, _ = self._find(name)
        return self.calls[path].start if side == 'in' else self.calls[path].end

    def _shape(self, site: TapSite) -> Sequence[int]:
        call = self.calls[site.path]
        return call.in_shape if site.side == 'in' else call.out_shape

    def _find(self, name: str) -> TapSite:
        block, side = split_tap(name)
        if ALIAS.fullmatch(block):
            block = self._translate(name, block)
        if block.startswith('module:'):
            path = block[len('module:') :]
            self._check_module(name, path, side)
            return self._site(path, side)
        if block not in self.blocks:
            raise TapError(f"The network has no tap '{name}'.{self._near(block, self.blocks)}")
        first, last = self.blocks[block]
        return self._site(first if side == 'in' else last, side)

    def _site(self, path: str, side: str) -> TapSite:
        call = self.calls[path]
        return TapSite(path, side, call.in_member if side == 'in' else call.out_member)

    def _translate(self, name: str, alias: str) -> str:
        if alias in self.aliases:
            return self.aliases[alias]
        system, index = alias.split(':')
        own = sorted({known.split(':')[0] for known in self.aliases})
        if system in own:
            raise TapError(
                f"The network has no tap '{name}': it has {system}:<n> for "
                f'{self._numbers(system)}. Its blocks are {self._ranges()}.'
            )
        alias_to_canonical(system, int(index))
        numbers = ', '.join(f'{other}:<n>' for other in own)
        raise TapError(
            f"'{name}' numbers the blocks of {_NUMBERED[system]}, but this network has "
            f'{self._count("enc")} encoder blocks of another kind. Use its own names: '
            f'{self._ranges()}{f"; or {numbers}" if numbers else ""}.'
        )

    def _numbers(self, system: str) -> str:
        own = [known for known in self.aliases if known.startswith(f'{system}:')]
        return f'{own[0]} .. {own[-1]}'

    def _check_module(self, name: str, path: str, side: str) -> None:
        call = self.calls.get(path)
        if call is None:
            raise TapError(
                f"'{name}': the network has no submodule '{path}' that a pass calls."
                f'{self._near(path, self.calls)}'
            )
        if call.count > 1:
            raise TapError(
                f"'{name}': this submodule is called {call.count} times in a pass, so that its "
                'output is ambiguous. Tap a submodule that is called once.'
            )
        shape = self._shape(TapSite(path, side))
        if self.text and len(shape) == 3 and shape[1] == self.text:
            raise TapError(
                f"'{name}' holds the {self.text} tokens of the prompt, which have no place in the "
                'image. Tap the side of the image: queries (to_q), a self-attention (attn1), or '
                'the block around it.'
            )
        if len(shape) != 4:
            raise TapError(
                f"'{name}' is not a feature map (B, C, H, W): its shape for one image is "
                f'{tuple(shape)}. Tap the block around it.'
            )

    def _count(self, part: str) -> int:
        return sum(name.startswith(f'{part}.') for name in self.blocks)

    def _near(self, wanted: str, names: Mapping[str, object]) -> str:
        near = difflib.get_close_matches(wanted, names, n=4, cutoff=0.5)
        hint = f' Did you mean {", ".join(near)}?' if near else ''
        return f'{hint} Its blocks are {self._ranges()}; or name any submodule, module:<path>.'

    def _ranges(self) -> str:
        parts: dict[str, list[str]] = {}
        for name in self.blocks:
            parts.setdefault(name.partition('.')[0], []).append(name)
        return ', '.join(
            names[0] if len(names) == 1 else f'{names[0]} .. {names[-1]}'
            for names in parts.values()
        )
