# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What one has to read to understand RepFusion: how many modules are behind its hook."""

import ast
from pathlib import Path

import mmdiffrep

ROOT = Path(mmdiffrep.__file__).parent
HOOK = ROOT / 'engine' / 'hooks' / 'repfusion_hook.py'
MAX_FILES, MAX_LINES = 40, 5000


def file_of(module):
    """The file of a module of the package; None for a package, whose re-exports do not count."""
    path = ROOT.parent / f'{module.replace(".", "/")}.py'
    return path if path.is_file() else None


def imported_by(path):
    """Files of the modules that a file imports, at the top or inside functions."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f'{node.module}.{alias.name}' for alias in node.names)]
    found = (file_of(name) for name in names if name.startswith('mmdiffrep.'))
    return {path for path in found if path is not None}


def closure(path):
    seen, todo = set(), {path}
    while todo:
        seen |= todo
        todo = set().union(*map(imported_by, todo)) - seen
    return seen


def test_little_is_behind_the_hook():
    files = closure(HOOK)
    lines = sum(len(path.read_text().splitlines()) for path in files)
    assert HOOK in files and len(files) > 10
    assert len(files) <= MAX_FILES and lines <= MAX_LINES, f'{len(files)} files, {lines} lines'
