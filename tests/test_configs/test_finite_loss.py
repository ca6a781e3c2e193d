# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Every config that trains stops at a loss that is no number."""

from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).parents[2] / 'configs'
PATHS = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.glob('[!_]*/**/*.py'))


@pytest.mark.parametrize('path', PATHS)
def test_finite_loss_hook_is_there(path):
    cfg = Config.fromfile(CONFIGS / path)
    assert cfg.default_hooks.finite_loss.type == 'mmdiffrep.FiniteLossHook'
