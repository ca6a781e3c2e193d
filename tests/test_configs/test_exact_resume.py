# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What the configs have to set for a resumed run to equal an undisturbed one."""

from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).parents[2] / 'configs'
PATHS = sorted(path for path in CONFIGS.glob('*/**/*.py') if '_base_' not in path.parts)


@pytest.mark.parametrize('path', PATHS, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_resumes_bit_for_bit(path):
    cfg = Config.fromfile(path)
    # PixelTrainLoop draws from (seed, epoch, member), and resumes exactly without the hook.
    if cfg.train_cfg.get('type') != 'mmdiffrep.PixelTrainLoop':
        assert cfg.default_hooks.exact_resume.type == 'mmdiffrep.ExactResumeHook'
    assert cfg.default_hooks.checkpoint.type == 'mmdiffrep.AtomicCheckpointHook'
    assert cfg.randomness.seed is not None
    if cfg.train_cfg.get('by_epoch') or cfg.train_cfg.get('type') == 'EpochBasedTrainLoop':
        # persistent workers would go on with random numbers that a resume cannot restore
        assert not cfg.train_dataloader.get('persistent_workers')
