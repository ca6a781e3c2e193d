# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import importlib
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture
def import_tool(monkeypatch):
    """Imports a file of tools/ the way Python does when it is run as a script."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module
