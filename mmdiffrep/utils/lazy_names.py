# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Names of a package that are imported when they are first used."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package whose names are defined elsewhere.

    Args:
        package: ``__name__`` of the package.
        modules: Name -> module that defines it.
    """

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        return getattr(import_module(modules[name]), name)

    def names() -> list[str]:
        return sorted([*vars(sys.modules[package]), *modules])

    return load, names
