# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os

import pytest
import torch


@pytest.fixture
def saved(tmp_path):
    """Writes checkpoints, by default of one parameter; an age is in seconds."""

    def save(name, pointer=False, state=None, age=0):
        path = tmp_path / name
        weights = dict(state_dict=dict(weight=torch.arange(1000.0)))
        torch.save(weights if state is None else state, path)
        os.utime(path, ns=(0, 10**18 - age * 10**9))
        if pointer:
            (tmp_path / 'last_checkpoint').write_text(str(path))
        return path

    return save
