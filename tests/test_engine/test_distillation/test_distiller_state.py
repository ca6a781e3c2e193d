# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from torch import nn
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import LinearLR

from mmdiffrep.engine.distillation.distiller_state import restore
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


def test_the_schedule_of_a_resumed_run_may_be_another():
    """A scheduler notes the first learning rate in the optimizer; that is no other optimizer."""
    distiller = nn.Linear(2, 3)
    with_schedule = SGD(distiller.parameters(), lr=0.1)
    LinearLR(with_schedule)
    without = SGD(distiller.parameters(), lr=0.1)
    assert 'initial_lr' in with_schedule.param_groups[0]
    for before, now in ((with_schedule, without), (without, with_schedule)):
        state = dict(state_dict=distiller.state_dict(), optimizer=before.state_dict())
        restore(distiller, now, state)


def test_another_optimizer_is_refused():
    distiller = nn.Linear(2, 3)
    for before, now, missing in ((SGD, AdamW, 'betas'), (AdamW, SGD, 'momentum')):
        optimizer = before(distiller.parameters(), lr=0.1)
        state = dict(state_dict=distiller.state_dict(), optimizer=optimizer.state_dict())
        with pytest.raises(ValueError, match=f'its optimizer has no .*{missing}'):
            restore(distiller, now(distiller.parameters(), lr=0.1), state)
