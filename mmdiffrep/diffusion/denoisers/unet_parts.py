# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What diffusers' U-Nets have in common: res blocks with attention, and cuts between them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from mmdiffrep.diffusion.tap_table import TapTable
from mmdiffrep.diffusion.taps import BlockPaths
from mmdiffrep.diffusion.truncate import CutPlan, PassThrough, replace_dead

# Blocks that run resnets, attentions and samplers in turn and can be cut between any two of them.
_DIVISIBLE = (
    'DownBlock2D',
    'AttnDownBlock2D',
    'CrossAttnDownBlock2D',
    'ResnetDownsampleBlock2D',
    'UpBlock2D',
    'AttnUpBlock2D',
    'CrossAttnUpBlock2D',
    'ResnetUpsampleBlock2D',
    'UNetMidBlock2D',
    'UNetMidBlock2DCrossAttn',
)
_SAMPLERS = ('downsamplers', 'upsamplers')
_TRANSFORMER = ('norm', 'proj_in', 'proj_out')  # of a Transformer2DModel, besides its blocks
_GROUPS = ('down_blocks', 'up_blocks')
_ENDS = ('conv_in', 'conv_norm_out', 'conv_act', 'conv_out')
_FEEDS_SKIPS = re.compile(r'conv_in|down_blocks\.\d+\.downsamplers\.0')


class UNetBlocks:
    """The blocks of a diffusers U-Net, as a part of the denoisers that have one."""

    network: Any

    def _blocks(self, skeleton: Any) -> dict[str, BlockPaths]:
        blocks = res_blocks(skeleton.down_blocks, 'down_blocks', 'enc')
        if skeleton.mid_block is not None:
            blocks['mid'] = BlockPaths('mid_block', 'mid_block')
        blocks.update(res_blocks(skeleton.up_blocks, 'up_blocks', 'dec'))
        return blocks

    def _units(self, skeleton: Any) -> list[str]:
        units: list[str] = [*_ENDS]
        for group in _GROUPS:
            for index, block in enumerate(getattr(skeleton, group)):
                units += units_of_block(block, f'{group}.{index}')
        if skeleton.mid_block is not None:
            units += units_of_block(skeleton.mid_block, 'mid_block')
        return units

    def _kept(self, plan: CutPlan) -> dict[str, Any]:
        """Return the blocks of the down and the up path that are needed, the first ones."""
        kept = {}
        for group in _GROUPS:
            blocks = getattr(self.network, group)
            kept[group] = blocks[: sum(plan.needs(f'{group}.{i}') for i, _ in enumerate(blocks))]
        return kept

    def _cut_paths(self, kept: Mapping[str, Any], plan: CutPlan) -> None:
        """Keep these blocks of the down and the up path alone, and cut them between their parts."""
        for group, blocks in kept.items():
            for index, block in enumerate(blocks):
                if f'{group}.{index}' not in plan.live:
                    cut_block(block, f'{group}.{index}', plan)
            setattr(self.network, group, blocks)

    def _cut_middle(self, plan: CutPlan) -> None:
        """Cut the middle block, or drop it."""
        middle = self.network.mid_block
        if not plan.needs('mid_block'):
            self.network.mid_block = None
        elif 'mid_block' not in plan.live:
            replace_dead(middle.resnets, 'mid_block.resnets', plan)
            cut_attentions(middle.attentions, 'mid_block.attentions', plan)

    def _cut_ends(self, plan: CutPlan) -> None:
        """Replace the first and the last layers unless they are needed."""
        for name in _ENDS:
            if name not in plan.live and getattr(self.network, name) is not None:
                setattr(self.network, name, PassThrough())


def res_blocks(blocks: Iterable[Any], path: str, name: str) -> dict[str, BlockPaths]:
    """Count the res blocks of one path; each ends with the attention behind it, if any.

    Args:
        blocks: Blocks of the down or up path.
        path: Of their list in the network.
        name: ``'enc'`` or ``'dec'``.
    """
    found: dict[str, BlockPaths] = {}
    for index, block in enumerate(blocks):
        attentions = getattr(block, 'attentions', ())
        # one attention for several res blocks (NCSN++'s up blocks) belongs to the last of them
        offset = len(block.resnets) - len(attentions)
        for number in range(len(block.resnets)):
            first = last = f'{path}.{index}.resnets.{number}'
            if attentions and number >= offset:
                last = f'{path}.{index}.attentions.{number - offset}'
            found[f'{name}.{len(found)}'] = BlockPaths(first, last)
    return found


def units_of_block(block: Any, path: str) -> list[str]:
    """List the parts of a block that a cut can keep or drop; the block itself if it has none."""
    if type(block).__name__ not in _DIVISIBLE:
        return [path]
    units = []
    for name in ('resnets', 'attentions', *_SAMPLERS):
        for index, part in enumerate(getattr(block, name, None) or ()):
            units += _units_of_part(part, f'{path}.{name}.{index}')
    return units


def cut_block(block: Any, path: str, plan: CutPlan) -> None:
    """Cut a block of the down or up path between two of its parts, in place."""
    needed = replace_dead(block.resnets, f'{path}.resnets', plan)
    if hasattr(block, 'attentions'):
        cut_attentions(block.attentions, f'{path}.attentions', plan)
        block.attentions = block.attentions[:needed]
    block.resnets = block.resnets[:needed]
    for name in _SAMPLERS:
        if getattr(block, name, None) is None:
            continue
        if plan.needs(f'{path}.{name}'):
            replace_dead(getattr(block, name), f'{path}.{name}', plan)
        else:
            setattr(block, name, None)


def cut_attentions(parts: Any, path: str, plan: CutPlan) -> None:
    """Replace attentions that do not outlive the cut, and cut transformers between their blocks."""
    for index, part in enumerate(parts):
        where = f'{path}.{index}'
        if hasattr(part, 'transformer_blocks') and plan.needs(where):
            needed = replace_dead(part.transformer_blocks, f'{where}.transformer_blocks', plan)
            part.transformer_blocks = part.transformer_blocks[:needed]
        elif part is not None and where not in plan.live:
            parts[index] = PassThrough(in_tuple=hasattr(part, 'transformer_blocks'))


def skip_taps(table: TapTable) -> list[str]:
    """List the taps of the encoder maps that the decoder is given, last first."""
    maps = [name for name in table.blocks if name.startswith('enc.')]
    maps += [f'module:{path}' for path in table.calls if _FEEDS_SKIPS.fullmatch(path)]
    return sorted(maps, key=lambda name: -table.calls[table.site(name).path].end)


class SkipTaker(nn.Module):
    """Stands behind the last up block of a cut U-Net, so that this still up-samples to a skip map.

    ``UNet2DConditionModel`` takes the side that an up block has to reach from the skip maps of the
    next one, and from nothing in the last one. The sides differ where a latent does not divide.

    Args:
        num_skips: Skip maps of the block that stood here.
    """

    def __init__(self, num_skips: int) -> None:
        super().__init__()
        self.resnets = [None] * num_skips

    def forward(self, hidden_states: torch.Tensor, **kwargs: object) -> torch.Tensor:
        """Return ``hidden_states``."""
        return hidden_states


def _units_of_part(part: Any, path: str) -> list[str]:
    blocks = getattr(part, 'transformer_blocks', None)
    if blocks is None:
        return [path]
    inner = [f'{path}.transformer_blocks.{index}' for index, _ in enumerate(blocks)]
    return [f'{path}.{name}' for name in _TRANSFORMER] + inner
