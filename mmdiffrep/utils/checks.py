# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Check user input where it comes in: bounds, choices, types, names.

Each function returns the value it was given, so that a check is part of an assignment::

    self.interval = at_least('interval', interval, 1)
"""

import math
import numbers
import re
from collections.abc import Collection, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from mmdiffrep.utils.near_names import did_you_mean

T = TypeVar('T')
Number = TypeVar('Number', int, float)
Array = TypeVar('Array', bound='HasShape')
_NUMBERS: dict[type, type] = {int: numbers.Integral, float: numbers.Real}


class HasShape(Protocol):
    """An array or tensor."""

    @property
    def shape(self) -> Sequence[int]:
        """Return the size of each dimension."""
        ...


def of_type(name: str, value: T, *types: type) -> T:
    """Check a type; ``bool`` does not pass as a number, and an ``int`` passes as a ``float``.

    Raises:
        TypeError: Another type, such as the string ``'False'`` for a bool.
    """
    accepted = [_NUMBERS.get(kind, kind) for kind in types]  # numpy's integers too
    if not isinstance(value, tuple(accepted)) or (isinstance(value, bool) and bool not in types):
        expected = ' or '.join('None' if kind is type(None) else kind.__name__ for kind in types)
        raise TypeError(f'{name} must be {expected}, got {value!r:.300} ({type(value).__name__}).')
    return value


def list_of(name: str, value: Any, *types: type, empty: bool = False) -> Any:
    """Check a list, tuple or range and the types of its items.

    Raises:
        TypeError: Not a sequence (a string is none here), or an item of another type.
        ValueError: No items, unless ``empty``.
    """
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise TypeError(f'{name} must be a list, got {value!r:.300} ({type(value).__name__}).')
    for item in value:
        of_type(f'each of {name}', item, *types)
    if not value and not empty:
        raise ValueError(f'{name} must have at least one item, got {value!r}.')
    return value


def integers(name: str, values: Any, low: int = 1) -> Any:
    """Check a list of at least one whole number, none of them below ``low``.

    Raises:
        TypeError: Not a list, or an item that is not a whole number.
        ValueError: No items, or a number below ``low``.
    """
    for value in list_of(name, values, int):
        integer(f'each of {name}', value, low)
    return values


def has_type(name: str, config: Any) -> dict[str, Any]:
    """Check for the config of an object, a dict with a ``type``.

    Raises:
        TypeError: Not a dict.
        ValueError: No ``type``.
    """
    if 'type' not in of_type(name, config, dict):
        raise ValueError(f"{name} needs a `type`, as in dict(type='mmdiffrep.X'), got {config!r}.")
    return config


def at_least(name: str, value: Number, low: float) -> Number:
    """Check that a number is finite and not below ``low``.

    Raises:
        TypeError: Not a number.
        ValueError: Below ``low``, NaN or infinite.
    """
    of_type(name, value, float)
    if not (math.isfinite(value) and value >= low):
        raise ValueError(f'{name} must be at least {low}, got {value}.')
    return value


def positive(name: str, value: Number) -> Number:
    """Check that a number is finite and above 0.

    Raises:
        TypeError: Not a number.
        ValueError: 0 or below, NaN or infinite.
    """
    of_type(name, value, float)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f'{name} must be positive, got {value}.')
    return value


def integer(name: str, value: Any, low: int | None = None) -> int:
    """Check for an integer, optionally with a lower bound.

    Raises:
        TypeError: Not an integer; 10.0 and True are not.
        ValueError: Below ``low``.
    """
    of_type(name, value, int)
    return value if low is None else at_least(name, value, low)


def within(
    name: str,
    value: Number,
    low: float,
    high: float,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> Number:
    """Check that a number lies in [low, high], or in (low, high], [low, high), (low, high).

    Raises:
        TypeError: Not a number.
        ValueError: Outside, or NaN.
    """
    of_type(name, value, float)
    inside = low <= value <= high
    if not inside or (open_low and value == low) or (open_high and value == high):
        interval = f'{"(" if open_low else "["}{low}, {high}{")" if open_high else "]"}'
        raise ValueError(f'{name} must be in {interval}, got {value}.')
    return value


def one_of(name: str, value: T, choices: Collection[T], advice: str = '') -> T:
    """Check that a value is one of some choices; ``advice`` ends the message.

    Raises:
        ValueError: It is not; the message lists the choices and the nearest.
    """
    if value not in tuple(choices):  # which asks for no hash of it
        listed = ', '.join(repr(choice) for choice in choices)
        hint = f'{did_you_mean(value, choices)} {advice}'.rstrip()
        raise ValueError(f'{name} must be one of {listed}, got {value!r}.{hint}')
    return value


def one_given(owner: str, **ways: object) -> None:
    """Check that exactly one of several arguments is given, that is, not None.

    Raises:
        ValueError: None, or several.
    """
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        found = ' and '.join(given) or 'none'
        raise ValueError(f'{owner} takes either {" or ".join(ways)}, got {found}.')


def odd(name: str, value: int) -> int:
    """Check for a positive odd integer, which has a center.

    Raises:
        ValueError: It is not.
    """
    if integer(name, value, 1) % 2 == 0:
        raise ValueError(f'{name} must be odd, so that it has a center; got {value}.')
    return value


def multiple_of(name: str, value: int, base: int) -> int:
    """Check that an integer is a positive multiple of another.

    Raises:
        ValueError: It is not.
    """
    if integer(name, value, 1) % base:
        raise ValueError(f'{name} must be a multiple of {base}, got {value}.')
    return value


def distinct(name: str, values: Collection[T]) -> Collection[T]:
    """Check that there are values, and that none stands twice.

    Raises:
        ValueError: No value, or a repeated one.
    """
    if not values or len(set(values)) < len(values):
        raise ValueError(f'{name} must differ from one another, got {[str(v) for v in values]}.')
    return values


def rising(name: str, values: Sequence[Number], low: float = -math.inf) -> Sequence[Number]:
    """Check that there are values, each above the one before.

    Args:
        name: What they are, for the error.
        values: Numbers.
        low: The least that the first may be.

    Raises:
        ValueError: They do not rise.
    """
    if not values or list(values) != sorted(set(values)) or values[0] < low:
        bound = '' if low == -math.inf else f', from at least {low}'
        raise ValueError(f'{name} must rise{bound}, got {list(values)}.')
    return values


def as_many(name: str, values: Sized, others: str, expected: Sized) -> None:
    """Check that there is one value for each of some others.

    Raises:
        ValueError: There are more or fewer.
    """
    if len(values) != len(expected):
        raise ValueError(
            f'{name} must have one for each of {others}: {len(expected)}, got {len(values)}.'
        )


def equal(name: str, value: T, expected: T, advice: str = '') -> T:
    """Check that a value is the one expected; ``advice`` ends the message.

    Raises:
        ValueError: It is not.
    """
    if value != expected:
        raise ValueError(f'{name} must be {expected!r}, got {value!r}. {advice}'.rstrip())
    return value


def alike(name: str, values: Iterable[T], advice: str) -> None:
    """Check that all of some values are equal.

    Raises:
        ValueError: They differ; ``advice`` ends the message.
    """
    found = list(dict.fromkeys(values))
    if len(found) > 1:
        raise ValueError(f'{name} must be the same, got {found}: {advice}')


def of_shape(name: str, value: Array, *dims: int | str, advice: str = '') -> Array:
    """Check the shape of an array or tensor, such as ``of_shape('images', x, 'B', 3, 'H', 'W')``.

    Args:
        name: What it is, for the error.
        value: An array or tensor.
        *dims: Each dimension: a number, or a letter for any size of at least 1.
        advice: The end of the error's message.

    Raises:
        ValueError: Another shape.
    """
    shape = tuple(value.shape)
    fits = len(shape) == len(dims) and all(
        size == dim if isinstance(dim, int) else size > 0 for size, dim in zip(shape, dims)
    )
    if not fits:
        expected = ', '.join(map(str, dims))
        raise ValueError(f'Expected {name} ({expected}), got shape {shape}. {advice}'.rstrip())
    return value


@contextmanager
def about(key: str) -> Iterator[None]:
    """Say in the errors raised inside which key of a config they are about."""
    try:
        yield
    except (ImportError, KeyError, OSError, TypeError, ValueError) as error:
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        named = re.search(rf'\b{re.escape(key)}\b', text) is not None
        if not named and len(error.args) == 1:  # others, such as that of open(), name a file
            error.args = (f'{key}: {text}',)
        raise
