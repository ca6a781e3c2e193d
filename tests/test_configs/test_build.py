# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The model of every config builds whole, on the meta device and without published weights."""

from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).parents[2] / 'configs'
# Built in test_repfusion_configs.py with its hooks, trained in test_repfusion_variants.py, and with
# the network of a hub's model in test_ddae_configs.py, test_dit_configs.py, test_dift_configs.py
# and test_sd_configs.py.
ELSEWHERE = {'repfusion', 'variants', 'ddae', 'dift'}
PATHS = sorted(
    path
    for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.parts
    and path.parent.name not in ELSEWHERE
    and not path.stem.endswith('_sd21')
)


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_builds(path, build_without_memory, untrained):
    cfg = Config.fromfile(path)
    denoiser = cfg.model.get('backbone', {}).get('denoiser')
    if isinstance(denoiser, dict):
        denoiser.pop('checkpoint', None)
    elif denoiser is not None and denoiser.startswith('work_dirs'):
        cfg.model.backbone.denoiser = untrained(denoiser)
    model = build_without_memory(cfg)
    assert any(param.requires_grad for param in model.parameters()), 'there is something to train'
