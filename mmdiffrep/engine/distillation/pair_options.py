# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What the pairs of a config may say."""

from collections.abc import Sequence
from typing import Any

from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import integer, list_of, of_type

COMPARISON = {'loss', 'standardize', 'connector', 'target', 'balance'}  # arguments of FeaturePair


def check_pairs(pairs: Sequence[dict]) -> list[dict]:
    """Check the keys of all pairs and those values that ``FeaturePair`` does not read.

    Args:
        pairs (list of dict): As :class:`~mmdiffrep.engine.hooks.RepFusionHook` takes them.

    Returns:
        list of dict: A copy.

    Raises:
        TypeError, ValueError: A key is unknown or missing, or its value of another type.
    """
    for index, pair in enumerate(list_of('pairs', pairs, dict)):
        name = f'pairs[{index}]'
        check_arguments(pair, _pair, name, complete=True)
        _several(f'{name}: student', pair['student'], str)
        of_type(f'{name}: teacher', pair['teacher'], str)
        if pair.get('student_channels') is not None:
            for number in _several(f'{name}: student_channels', pair['student_channels'], int):
                integer(f'{name}: student_channels', number, 1)
    return [dict(pair) for pair in pairs]


def comparison_of(pair: dict) -> dict[str, Any]:
    """Return what a pair says about its comparison: arguments of ``FeaturePair``."""
    return {key: pair[key] for key in pair if key in COMPARISON}


def _several(name: str, value: Any, kind: type) -> Sequence[Any]:
    """Check one value or a list of them, and return a list."""
    return [value] if isinstance(value, kind) else list_of(name, value, kind)


def _pair(
    student: str | Sequence[str],
    teacher: str,
    loss: dict | Sequence[dict],
    target: str | dict | None = None,
    standardize: bool | None = None,
    connector: str | dict | None = None,
    balance: bool | None = None,
    student_channels: int | Sequence[int] | None = None,
) -> None:
    """Name the keys of a pair."""
