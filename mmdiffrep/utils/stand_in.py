# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Registry entries of classes whose host toolbox is not installed."""

from collections.abc import Callable
from typing import Any, NoReturn

from mmengine.registry import Registry

from mmdiffrep.utils.versions import missing_host


def register_stand_in(registry: Registry, name: str, scope: str) -> Callable[..., NoReturn]:
    """Register a class that cannot be built, so that a config that names it gets a clear error.

    Args:
        registry: Registry of the class.
        name: Name of the class.
        scope: The missing toolbox, such as ``'mmseg'``.

    Returns:
        The entry: a function that raises ImportError.
    """

    def stand_in(**_config: Any) -> NoReturn:
        raise ImportError(f'{name} needs {missing_host(scope)}')

    registry.register_module(name=name, module=stand_in)
    return stand_in
