# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from torch import nn
from torch.optim.lr_scheduler import LinearLR

from mmdiffrep.engine.distillation.side_optimizer import SideOptimizer
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
    """A scheduler notes the first learning rate in the optimizer; that does not make it another."""
    with_schedule, without = (side_optimizer('SGD') for _ in range(2))
    LinearLR(with_schedule.optimizer)
    assert 'initial_lr' in with_schedule.optimizer.param_groups[0]
    without.load_state_dict(with_schedule.state_dict())
    with_schedule.load_state_dict(side_optimizer('SGD').state_dict())


@pytest.mark.parametrize(
    ('before', 'now', 'missing'), [('SGD', 'AdamW', 'betas'), ('AdamW', 'SGD', 'momentum')]
)
def test_another_optimizer_is_refused(before, now, missing):
    saved = side_optimizer(before).state_dict()
    with pytest.raises(ValueError, match=f'its optimizer has no .*{missing}'):
        side_optimizer(now).load_state_dict(saved)


def side_optimizer(kind):
    return SideOptimizer(nn.Linear(2, 3), dict(type=kind, lr=0.1))
