# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The numbers that papers give to the blocks of their networks, as names of taps."""

import re

from mmdiffrep.diffusion.taps import TapError

_ADM_BLOCKS = 18  # input blocks of ADM-256, and as many output blocks


def alias_to_canonical(system: str, index: int) -> str:
    """Translate a paper's block number into a canonical tap name of ADM or DDAE's U-Nets.

    Args:
        system: ``'ddpm_seg'`` or ``'dift'`` (output block 0..17, the official codes' ``blocks`` and
            ``up_ft_index``), or ``'gdc'`` (1..37: 18 input blocks, the middle, 18 output blocks;
            also the numbering of DifFormer and DifFeed), all three for ADM-256; or ``'ddae'`` (from
            1, the n of ``out_<n>``), for any U-Net.
        index: The paper's number.

    Returns:
        ``enc.<i>``, ``mid`` or ``dec.<i>``.

    Raises:
        TapError: Unknown system, or a number outside its range.
    """
    if system in ('ddpm_seg', 'dift'):
        if 0 <= index < _ADM_BLOCKS:
            return f'dec.{index}'
        raise TapError(f'{system} counts output blocks 0..{_ADM_BLOCKS - 1}, got {index}.')
    if system == 'gdc':
        if 1 <= index <= _ADM_BLOCKS:
            return f'enc.{index - 1}'
        if index == _ADM_BLOCKS + 1:
            return 'mid'
        if _ADM_BLOCKS + 2 <= index <= 2 * _ADM_BLOCKS + 1:
            return f'dec.{index - _ADM_BLOCKS - 2}'
        raise TapError(f'gdc counts blocks 1..{2 * _ADM_BLOCKS + 1}, got {index}.')
    if system == 'ddae':
        if index >= 1:
            return f'dec.{index - 1}'
        raise TapError(f'ddae counts the res blocks of the way out from 1, got {index}.')
    raise TapError(f"Unknown numbering '{system}'; known are ddpm_seg, dift, gdc and ddae.")


def canonical_to_alias(system: str, block: str) -> int:
    """Translate a canonical block name into a paper's number: the inverse of the above.

    Raises:
        TapError: The system has no number for this block.
    """
    if system == 'ddae' and re.fullmatch(r'dec\.\d+', block):
        return int(block.removeprefix('dec.')) + 1
    numbers = dict(gdc=range(1, 2 * _ADM_BLOCKS + 2), ddae=range(0))
    for index in numbers.get(system, range(_ADM_BLOCKS)):
        if alias_to_canonical(system, index) == block:
            return index
    raise TapError(f"{system} has no number for block '{block}'.")


def numbered(*systems: str) -> dict[str, str]:
    """List the aliases of some papers for a network laid out like theirs.

    Args:
        systems: Names that :func:`alias_to_canonical` knows.

    Returns:
        Alias -> canonical name, e.g. ``{'dift:0': 'dec.0', ...}``.
    """
    lengths = dict(gdc=range(1, 2 * _ADM_BLOCKS + 2), ddae=range(1, 100))
    return {
        f'{system}:{index}': alias_to_canonical(system, index)
        for system in systems
        for index in lengths.get(system, range(_ADM_BLOCKS))
    }


def adm_aliases(num_encoder_blocks: int) -> dict[str, str]:
    """List the aliases of an ADM: those that count its output blocks, and GDC's for ADM-256."""
    is_adm_256 = num_encoder_blocks == _ADM_BLOCKS
    return numbered('ddpm_seg', 'dift', 'ddae', *(['gdc'] if is_adm_256 else []))
