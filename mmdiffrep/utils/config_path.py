# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Finding the configs that come with the package, by path and by ``mmdiffrep::...``."""

import difflib
from pathlib import Path

from mmengine.config.utils import MODULE2PACKAGE

_PACKAGE = Path(__file__).resolve().parents[1]
# An installed package carries its configs; in a source tree they are next to it.
_PLACES = (_PACKAGE / '.mim' / 'configs', _PACKAGE.parent / 'configs')


def get_config_path(name: str) -> str:
    """Absolute path of a config that comes with mmdiffrep.

    In a downstream config, under any launcher::

        _base_ = __import__('mmdiffrep').get_config_path('repfusion/celebamask_r50.py')

    Args:
        name: Path below ``configs/``, with or without ``.py``.

    Returns:
        The absolute path.

    Raises:
        FileNotFoundError: There is no such config; the message lists the nearest names.
    """
    relative = name if name.endswith('.py') else f'{name}.py'
    for place in _PLACES:
        if (place / relative).is_file():
            return str(place / relative)
    known = sorted(
        {path.relative_to(place).as_posix() for place in _PLACES for path in place.rglob('*.py')}
    )
    near = difflib.get_close_matches(relative, known, n=5, cutoff=0.4)
    raise FileNotFoundError(
        f'mmdiffrep has no config {name!r}. '
        + (f'Did you mean: {", ".join(near)}?' if near else f'It has: {", ".join(known)}')
    )


def register_config_scope() -> None:
    """Teach mmengine's table of packages ``_base_ = 'mmdiffrep::repfusion/celebamask_r50.py'``.

    mmengine looks for ``.mim`` where the *distribution* is installed, which in an editable install
    is not where the package is. For a name that is a module but no distribution it asks the module
    where it lies, which is right in every kind of install; hence a submodule's name.
    """
    MODULE2PACKAGE.setdefault('mmdiffrep', 'mmdiffrep.version')
