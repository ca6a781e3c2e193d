# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Res blocks, parts and cuts of diffusers' U-Nets."""

import torch
from torch import nn

from mmdiffrep.diffusion.denoisers.unet_parts import SkipTaker, res_blocks, units_of_block
from mmdiffrep.diffusion.taps import BlockPaths


class DownBlock2D(nn.Module):
    def __init__(self, attentions):
        super().__init__()
        self.resnets = nn.ModuleList([nn.Identity(), nn.Identity()])
        self.attentions = nn.ModuleList([nn.Identity() for _ in range(attentions)])


class OwnBlock(DownBlock2D):
    """Of a class that is not known."""


def test_res_blocks_end_with_their_attention():
    found = res_blocks([DownBlock2D(0), DownBlock2D(2), DownBlock2D(1)], 'down_blocks', 'enc')
    first, own = 'down_blocks.0.resnets.1', 'down_blocks.1'
    assert list(found) == [f'enc.{index}' for index in range(6)]
    assert found['enc.1'] == BlockPaths(first, first)
    assert found['enc.2'] == BlockPaths(f'{own}.resnets.0', f'{own}.attentions.0')
    # one attention for two res blocks belongs to the last of them
    assert found['enc.4'] == BlockPaths('down_blocks.2.resnets.0', 'down_blocks.2.resnets.0')
    assert found['enc.5'] == BlockPaths('down_blocks.2.resnets.1', 'down_blocks.2.attentions.0')


def test_known_blocks_are_cut_between_their_parts_and_others_are_whole():
    parts = ['resnets.0', 'resnets.1', 'attentions.0']
    assert units_of_block(DownBlock2D(1), 'down.0') == [f'down.0.{part}' for part in parts]
    assert units_of_block(OwnBlock(1), 'down.0') == ['down.0']


def test_a_skip_taker_counts_skips_and_passes_maps_through():
    taker, maps = SkipTaker(3), torch.randn(1, 2, 4, 4)
    assert len(taker.resnets) == 3 and taker(maps, upsample_size=(8, 8)) is maps
