# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Supported versions of the OpenMMLab libraries, checked without an import."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

from packaging.version import Version


class Library(NamedTuple):
    """A library and the versions of it that mmdiffrep works with: ``low <= version < high``."""

    distribution: str
    low: str
    high: str
    extra: str | None = None


LIBRARIES = {
    'mmengine': Library('mmengine', '0.10.4', '0.11'),
    'mmcv': Library('mmcv', '2.1.0', '2.2.0'),
    'mmseg': Library('mmsegmentation', '1.2.2', '1.3', extra='seg'),
    'mmpose': Library('mmpose', '1.3.2', '1.4', extra='pose'),
    'mmpretrain': Library('mmpretrain', '1.2.0', '1.3', extra='cls'),
    'mmdet': Library('mmdet', '3.3.0', '3.4', extra='det'),
}


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def check_versions() -> None:
    """Check each OpenMMLab library that is installed.

    Raises:
        ImportError: One has a version mmdiffrep does not work with; the message holds the command
            that installs one it works with.
    """
    for library in LIBRARIES.values():
        found = installed_version(library.distribution)
        if found is not None and not _in_range(found, library):
            raise ImportError(
                f'{library.distribution} {found} is installed; mmdiffrep works with '
                f'>={library.low},<{library.high}. {_remedy(library)}'
            )


def require_host(scope: str) -> None:
    """Check that the library of a config's ``default_scope`` is there.

    Args:
        scope: Such as ``'mmseg'``. Scopes mmdiffrep knows nothing about pass.

    Raises:
        ImportError: It is not installed; the message says how to install it.
    """
    library = LIBRARIES.get(scope)
    if library is not None and installed_version(library.distribution) is None:
        raise ImportError(f'This config (default_scope={scope!r}) needs {missing_host(scope)}')


def missing_host(scope: str) -> str:
    """Return what an error says of a host that is not installed: its name and the remedy."""
    library = LIBRARIES[scope]
    return f'{library.distribution}, which is not installed. {_remedy(library)}'


def install_extra(extra: str) -> str:
    """Return the sentence that says how to install an extra of mmdiffrep, such as ``'seg'``."""
    return (
        f"Run in mmdiffrep's source tree: pip install --no-build-isolation -e '.[{extra}]' "
        '(docs/get_started.md, "By hand").'
    )


def require_package(name: str, extra: str) -> ModuleType:
    """Import an optional library.

    Args:
        name: The package to import.
        extra: The extra of mmdiffrep that installs it.

    Raises:
        ImportError: It is not installed; the message says how to install it.
    """
    if find_spec(name) is None:
        raise ImportError(
            f"This needs {name}, which is not installed. Run: pip install 'mmdiffrep[{extra}]'"
        )
    return import_module(name)


def _in_range(found: str, library: Library) -> bool:
    # The release alone: 1.3.0rc1 sorts below 1.3, but it is a preview of it.
    release = Version(Version(found).base_version)
    return Version(library.low) <= release < Version(library.high)


def _remedy(library: Library) -> str:
    if library.extra is not None:
        return install_extra(library.extra)
    wanted = f'pip install "{library.distribution}>={library.low},<{library.high}"'
    if library.distribution == 'mmcv':
        return (
            f'Build it with its ops: MMCV_WITH_OPS=1 {wanted} --no-build-isolation, with '
            'setuptools<81. `make setup` does that.'
        )
    return f'Run: {wanted}'
