# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmdiffrep.matching import PRESETS
from mmdiffrep.registry import DATASETS, METRICS, MODELS
from mmdiffrep.testing import tiny_teacher

CONFIGS = sorted((Path(__file__).parents[2] / 'configs' / 'dift').glob('*.py'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_builds_on_a_tiny_network(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    preset = cfg.model.matcher.pop('preset', None)
    assert preset is None or preset in PRESETS
    cfg.model.matcher = dict(model=tiny_teacher(), taps=['mid'], timesteps=[3], size=16)
    cfg.model.pop('bank', None)
    if 'neck' in cfg.model:
        cfg.model.neck.update(out_channels=8, num_groups=2)
    model = MODELS.build(cfg.model)
    assert all(name.startswith('neck.') for name, _ in model.named_parameters())
    METRICS.build(cfg.test_evaluator)
    dataset = cfg.test_dataloader.dataset
    assert DATASETS.get(dataset.type) is not None
    if path.stem not in ('toyfaces_landmarks', 'hyperfeatures_toyfaces'):
        with pytest.raises(FileNotFoundError):
            DATASETS.build(dataset)
