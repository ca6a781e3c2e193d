# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The numbers that papers give to the blocks of their networks, as names of taps."""

from mmdiffrep.diffusion.taps import TapError

_ADM_BLOCKS = 18  # input blocks of ADM-256, and as many output blocks
_INPUT, _OUTPUT = ([f'{part}.{i}' for i in range(_ADM_BLOCKS)] for part in ('enc', 'dec'))
# The papers' numbers of blocks; ddae counts those of any U-Net, which has fewer than a hundred.
_NUMBERS: dict[str, dict[int, str]] = dict(
    ddpm_seg=dict(enumerate(_OUTPUT)),
    dift=dict(enumerate(_OUTPUT)),
    gdc=dict(enumerate([*_INPUT, 'mid', *_OUTPUT], start=1)),
    ddae={index + 1: f'dec.{index}' for index in range(99)},
)


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
    if system not in _NUMBERS:
        raise TapError(f"Unknown numbering '{system}'; known are {', '.join(_NUMBERS)}.")
    numbers = _NUMBERS[system]
    if index not in numbers:
        raise TapError(f'{system} counts blocks {min(numbers)}..{max(numbers)}, got {index}.')
    return numbers[index]


def canonical_to_alias(system: str, block: str) -> int:
    """Translate a canonical block name into a paper's number: the inverse of the above.

    Raises:
        TapError: The system has no number for this block.
    """
    for index, name in _NUMBERS.get(system, {}).items():
        if name == block:
            return index
    raise TapError(f"{system} has no number for block '{block}'.")


def numbered(*systems: str) -> dict[str, str]:
    """List the aliases of some papers for a network laid out like theirs.

    Args:
        systems: Names that :func:`alias_to_canonical` knows.

    Returns:
        Alias -> canonical name, e.g. ``{'dift:0': 'dec.0', ...}``.
    """
    return {
        f'{system}:{index}': block
        for system in systems
        for index, block in _NUMBERS[system].items()
    }


def adm_aliases(num_encoder_blocks: int) -> dict[str, str]:
    """List the aliases of an ADM: those that count its output blocks, and GDC's for ADM-256."""
    is_adm_256 = num_encoder_blocks == _ADM_BLOCKS
    return numbered('ddpm_seg', 'dift', 'ddae', *(['gdc'] if is_adm_256 else []))
