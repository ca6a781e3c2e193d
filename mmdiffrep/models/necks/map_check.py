# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Checks that a neck is given the maps that it was built for."""

from collections.abc import Mapping, Sequence

from torch import Tensor


def check_neck_arguments(neck: str, in_channels: Sequence[int], numbers: Mapping[str, int]) -> None:
    """Check what every neck of maps takes, when it is built.

    Args:
        neck: Name of the neck, for the message.
        in_channels: Channels of each tap's maps.
        numbers: Arguments that have to be at least 1, by name.

    Raises:
        ValueError: No taps, or a number below 1.
    """
    if isinstance(in_channels, int) or not in_channels or min(in_channels) < 1:
        raise ValueError(
            f'{neck}: in_channels are the channels of each tap, such as [128, 64]; got '
            f'{in_channels}'
        )
    for name, number in numbers.items():
        if not isinstance(number, int) or number < 1:
            raise ValueError(f'{neck}: {name} must be an integer of at least 1, got {number!r}')


def check_maps(
    neck: str, maps: Sequence[Tensor], in_channels: Sequence[int], num_timesteps: int
) -> None:
    """Check number and channels of a backbone's maps.

    Args:
        neck: Name of the neck, for the message.
        maps: ``(B, C, h, w)`` each, all taps of the first timestep first.
        in_channels: Channels of each tap.
        num_timesteps: Timesteps that each tap is read at.

    Raises:
        ValueError: Another number of maps, or maps of other channels.
    """
    if isinstance(maps, Tensor) or any(one.ndim != 4 for one in maps):
        raise ValueError(f'{neck} takes a sequence of maps (B, C, h, w)')
    found = [one.shape[1] for one in maps]
    expected = list(in_channels) * num_timesteps
    if len(found) != len(expected):
        raise ValueError(
            f'{neck} was built for {len(expected)} maps, {len(in_channels)} taps at '
            f'{num_timesteps} timesteps, but got {len(found)}: `in_channels` needs one entry a tap '
            "of the backbone, and `num_timesteps` is the number of the backbone's timesteps"
        )
    if found != expected:
        raise ValueError(
            f'{neck} was built for maps with {expected} channels, all taps of the first timestep '
            f"first, but got {found}: set `in_channels` to those of the backbone's taps, in their "
            'order (tools/list_taps.py)'
        )


def check_cells(neck: str, maps: Sequence[Tensor], side: int) -> None:
    """Check that maps can be averaged to ``side x side`` cells.

    Raises:
        ValueError: A map has fewer.
    """
    for one in maps:
        if min(one.shape[2:]) < side:
            raise ValueError(
                f'{neck} should average to {side}x{side} cells, which is finer than a map of '
                f'{one.shape[2]}x{one.shape[3]}'
            )
