# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""``--cfg-options KEY=VALUE`` as mmengine reads it, but for what it would misread."""

import argparse
import re
from collections.abc import Sequence
from typing import Any

from mmengine.config import DictAction

_SPACE = '\0'
_INNER_SPACES = re.compile(r'(?<=[^\s,(\[]) +(?=[^\s,)\]])')
_DICT = re.compile(r'^(dict\(.*|\{[^{}]*:[^{}]*\})$|[\[(,]\s*(dict\(|\{[^{}]*:[^{}]*\}\s*[\]),])')


class CfgOptions(DictAction):
    """Adds options to a dict: numbers, true, false, None, strings, lists and tuples of them.

    mmengine takes every space out of a value, also out of a path: here those between two words
    stay. It reads a dict as a string, or never ends: here it is an error of the command line, as
    are an option without a key or ``=`` and brackets that do not match.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Check and read the options of one ``--cfg-options``."""
        options = [values] if isinstance(values, str) else list(values or ())
        for option in options:
            if fault := _fault_of(option):
                parser.error(f'{option_string} {option!r}: {fault}')
        kept = [_INNER_SPACES.sub(lambda found: _SPACE * len(found[0]), each) for each in options]
        try:
            super().__call__(parser, namespace, kept, option_string)  # type: ignore[arg-type]
        except RecursionError:
            parser.error(f'{option_string} {options}: a comma in brackets that are not a list')
        setattr(namespace, self.dest, _with_spaces(getattr(namespace, self.dest)))


def add_cfg_options(parser: argparse.ArgumentParser, target: str = 'the config') -> None:
    """Add the option that overrides entries of a config.

    Args:
        parser: Of the command line.
        target: Whose entries, for the help.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        metavar='KEY=VALUE',
        help=f'override entries of {target}: a.b=1 a.c="[1,2]" a.list.0.d=x',
    )


def _fault_of(option: str) -> str | None:
    key, sign, value = option.partition('=')
    value = value.strip('\'" ')
    if not (key and sign):
        return 'expected KEY=VALUE, such as train_dataloader.batch_size=8.'
    if _DICT.search(value):
        return f'a dict is given key by key, such as {key}.depth=18.'
    if any(value.count(opening) != value.count(closing) for opening, closing in ('()', '[]')):
        return 'its brackets do not match.'
    return None


def _with_spaces(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(_SPACE, ' ')
    if isinstance(value, dict):
        return {key: _with_spaces(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_spaces(child) for child in value)
    return value
