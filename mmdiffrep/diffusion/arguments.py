# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Checking the keys of a config against the function that takes them."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def check_arguments(
    given: Mapping[str, Any], function: Callable[..., Any], owner: str, hidden: Iterable[str] = ()
) -> None:
    """Check that a function takes all the keyword arguments given.

    Args:
        given: The arguments.
        function: What will be called with them.
        owner: How the error calls the function.
        hidden: Parameters that a config cannot set.

    Raises:
        ValueError: A key that is no parameter; the message names near ones.
    """
    known = [name for name in inspect.signature(function).parameters if name not in hidden]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=3)
            hint = f' Did you mean {" or ".join(near)}?' if near else ''
            raise ValueError(
                f"{owner} has no argument '{key}'.{hint} It takes: {', '.join(known) or 'none'}."
            )
