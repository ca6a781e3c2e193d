# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from copy import deepcopy
from functools import partial

import pytest
import torch
from mmengine.registry import DefaultScope

from mmdiffrep.registry import MODELS


@pytest.fixture
def build_without_memory(monkeypatch):
    """Builds the model of a config as a runner does, but on the meta device."""
    # mmpretrain reads numbers off one while it builds a model.
    monkeypatch.setattr(torch, 'linspace', partial(torch.linspace, device='cpu'))

    def build(cfg):
        model = deepcopy(cfg.model)  # some models write into their config
        if 'data_preprocessor' in cfg:
            model.setdefault('data_preprocessor', deepcopy(cfg.data_preprocessor))
        with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device('meta'):
            return MODELS.build(model)

    return build
