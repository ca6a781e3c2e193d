# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""YAML configs as data: reading one builds no Python objects."""

from typing import Any

import yaml
from mmengine.fileio import register_handler
from mmengine.fileio.handlers import YamlHandler


class _PlainLoader(yaml.SafeLoader):
    """Of PyYAML's tags for Python it knows tuples, which mmengine's own dumps contain."""


_PlainLoader.add_constructor(
    'tag:yaml.org,2002:python/tuple',
    lambda loader, node: tuple(loader.construct_sequence(node, deep=True)),
)


class SafeYamlHandler(YamlHandler):
    """mmengine's YAML handler, which refuses tags that call or import something."""

    def load_from_fileobj(self, file: Any, **kwargs: Any) -> Any:
        """Read a file.

        Raises:
            ValueError: It is not valid YAML, or holds Python objects.
        """
        name = getattr(file, 'name', 'this file')
        try:
            return super().load_from_fileobj(file, **dict(kwargs, Loader=_PlainLoader))
        except yaml.constructor.ConstructorError as error:
            raise ValueError(
                f'{name} holds a Python object, which would run code when it is read '
                f'({error.problem}). Write it as plain YAML, or as a .py config.'
            ) from error
        except yaml.YAMLError as error:
            raise ValueError(f'{name} is not valid YAML: {error}') from error


def register_safe_yaml() -> None:
    """Make mmengine, and with it every config, read YAML by :class:`SafeYamlHandler`."""
    register_handler(['yaml', 'yml'])(SafeYamlHandler)
