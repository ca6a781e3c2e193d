# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import importlib
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / 'demo'


@pytest.fixture
def import_tool(monkeypatch):
    """Imports a file of demo/ the way Python does when it is run as a script."""
    monkeypatch.syspath_prepend(str(DEMO))
    return importlib.import_module
