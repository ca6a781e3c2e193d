# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import importlib
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture
def import_tool(monkeypatch):
    """Import a file of tools/ the way Python does when it is run as a script."""
    for folder in (TOOLS / 'setup', TOOLS):
        monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module
