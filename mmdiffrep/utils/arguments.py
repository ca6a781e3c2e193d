# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Check keyword arguments that a config gives against the function that they are for."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mmdiffrep.utils.near_names import did_you_mean


def check_arguments(
    given: Mapping[str, Any],
    function: Callable[..., Any],
    owner: str,
    hidden: Iterable[str] = (),
    complete: bool = False,
) -> None:
    """Check that a function takes all the keyword arguments given.

    Args:
        given: The arguments.
        function: What will be called with them.
        owner: Name of the function in the error.
        hidden: Parameters that a config cannot set.
        complete: Whether all parameters without a default must be there.

    Raises:
        TypeError: Not a dict.
        ValueError: A key that is not a parameter, with near ones; or one that is missing.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f'{owner} must be dict, got {given!r} ({type(given).__name__}).')
    parameters = inspect.signature(function).parameters
    known = [name for name in parameters if name not in hidden]
    for key in given:
        if key not in known:
            raise ValueError(
                f"{owner} has no argument '{key}'.{did_you_mean(key, known)} "
                f'It takes: {", ".join(known) or "none"}.'
            )
    required = [name for name in known if parameters[name].default is inspect.Parameter.empty]
    if complete and (missing := [name for name in required if name not in given]):
        raise ValueError(f'{owner} needs {", ".join(missing)}, got {dict(given)!r}.')
