# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Find the configs that come with the package, by path and by ``mmdiffrep::...``."""

from pathlib import Path

from mmengine.config import Config

from mmdiffrep.utils.near_names import near_names

_PACKAGE = Path(__file__).resolve().parents[1]
# An installed package carries its configs; in a source tree they are next to it.
_PLACES = (_PACKAGE / '.mim' / 'configs', _PACKAGE.parent / 'configs')


def get_config_path(name: str) -> str:
    """Return the absolute path of a config that comes with mmdiffrep.

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
    near = near_names(relative, known, n=5, cutoff=0.4)
    methods = sorted({path.split('/')[0] for path in known} - {'_base_'})
    raise FileNotFoundError(
        f'mmdiffrep has no config {name!r}. '
        + (f'Did you mean: {", ".join(near)}?' if near else f'It has: {"/, ".join(methods)}/')
    )


def config_file(name: str | Path) -> str:
    """Return the path of a config: of a file, or of one that comes with mmdiffrep.

    Args:
        name: A file, or a path below ``configs/`` with or without ``.py`` and ``mmdiffrep::``.

    Raises:
        FileNotFoundError: There is neither.
    """
    path = Path(name).expanduser()
    return str(path) if path.is_file() else get_config_path(str(name).removeprefix('mmdiffrep::'))


def register_config_scope() -> None:
    """Teach mmengine's configs ``_base_ = 'mmdiffrep::repfusion/celebamask_r50.py'``.

    mmengine has a fixed table of packages, and marks every type of an inherited config with the
    package's scope. Our configs mix a host's types, which bear no prefix, with ours, which do:
    they are built in the host's scope. So for them the path is resolved here, without a scope.
    """
    resolve = Config._get_cfg_path

    def resolve_ours(cfg_path: str, filename: str) -> tuple[str, str | None]:
        scope, separator, name = cfg_path.partition('::')
        if separator and scope == 'mmdiffrep':
            return get_config_path(name), None
        return resolve(cfg_path, filename)

    Config._get_cfg_path = staticmethod(resolve_ours)
