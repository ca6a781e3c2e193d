# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import torch

PROJECT = Path(__file__).parent / 'tiny_project'


@pytest.fixture
def tiny_config(monkeypatch, tmp_path):
    """A complete config that runs in milliseconds; runs write into the test's own folder."""
    monkeypatch.syspath_prepend(str(PROJECT))
    monkeypatch.chdir(tmp_path)
    return str(PROJECT / 'tiny.py')


@pytest.fixture
def weight_of():
    def weight(path):
        return torch.load(path, weights_only=True)['state_dict']['weight'].item()

    return weight
