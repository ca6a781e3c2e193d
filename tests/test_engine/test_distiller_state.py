# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.testing.tiny_distillation import run


def test_resume_with_another_distiller_is_explained(tmp_path):
    runner = run(tmp_path, 1)
    hook = next(hook for hook in runner.hooks if isinstance(hook, RepFusionHook))
    checkpoint = dict(meta=dict(iter=1))
    hook.before_save_checkpoint(runner, checkpoint)
    runner._resume = True
    hook.after_load_checkpoint(runner, checkpoint)
    saved = checkpoint['distiller']
    saved['state_dict'].popitem()
    with pytest.raises(ValueError, match='same pairs, policy, reward and optimizer'):
        hook.after_load_checkpoint(runner, checkpoint)
    saved['optimizer']['param_groups'][0].pop('momentum')
    with pytest.raises(ValueError, match='its optimizer has the options'):
        hook.after_load_checkpoint(runner, checkpoint)
