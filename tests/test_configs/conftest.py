# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from copy import deepcopy
from functools import partial
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmdiffrep.registry import MODELS

DDPM_CONFIGS = Path(__file__).parents[2] / 'configs' / 'ddpm'


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


@pytest.fixture(scope='session')
def untrained():
    """Gives the network that configs/ddpm/NAME.py leaves in work_dirs/NAME, before its training."""

    def config_of(source):
        name = Path(source).parent.name
        unet = Config.fromfile(DDPM_CONFIGS / f'{name}.py').model.unet.to_dict()
        edm = dict(schedule='edm') if name.startswith('edm') else {}
        return dict(type='UNet2DDenoiser', unet=unet, **edm)

    return config_of
