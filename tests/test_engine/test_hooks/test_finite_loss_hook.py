# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import HOOKS, MODELS
from torch import nn

from mmdiffrep.engine.hooks import FiniteLossHook
from mmdiffrep.engine.hooks.finite_loss_hook import check_parameters, stop_run
from mmdiffrep.testing import run_in_two_processes, tiny_runner
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint


@MODELS.register_module()
class BreakingModel(BaseModel):
    """One weight; from iteration ``breaks`` on (1 is the first) a term of its loss is no number."""

    def __init__(self, breaks: int, value: float, heals: bool = False, rank: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.breaks, self.value, self.heals, self.rank = breaks, value, heals, rank
        self.iteration = 0

    def forward(self, inputs, data_samples=None, mode='loss'):
        self.iteration += 1
        at = self.iteration == self.breaks if self.heals else self.iteration >= self.breaks
        here = int(os.environ.get('RANK', 0)) == self.rank
        factor = self.value if at and here else 1.0
        # Where the loss is to heal, the weight must not be harmed.
        weight = self.weight.detach() if self.heals and at else self.weight
        return dict(
            loss_task=self.weight**2,
            loss_distill=[weight * factor, weight.abs()],
            acc=torch.tensor(float('nan')),
        )


@HOOKS.register_module()
class Witness(Hook):
    """Notes the iterations that hooks of its priority saw the end of."""

    seen = ()
    priority = 'HIGH'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        Witness.seen += (runner.iter + 1,)


def train(folder, interval=1, max_iters=7, save=2, hook='AtomicCheckpointHook', **model):
    Witness.seen = ()
    runner = tiny_runner(
        folder,
        max_iters,
        [dict(type='Witness')],
        model=dict(type='BreakingModel', **model),
        default_hooks=dict(
            checkpoint=dict(type=f'mmdiffrep.{hook}', by_epoch=False, interval=save),
            logger=dict(type='LoggerHook', interval=10**6),
            finite_loss=dict(type='mmdiffrep.FiniteLossHook', interval=interval),
        ),
    )
    runner.train()


@pytest.mark.parametrize(('value', 'named'), [(float('nan'), 'nan'), (float('inf'), 'inf')])
def test_stops_with_the_name_of_the_term_and_keeps_the_checkpoint_before(tmp_path, value, named):
    with pytest.raises(FloatingPointError) as error:
        train(tmp_path, breaks=6, value=value)
    message = str(error.value)
    assert message.startswith(f'iteration 6: loss_distill is {named}. ')
    assert 'iter_4.pth' in message and 'loss_task' not in message
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['iter_2.pth', 'iter_4.pth']
    assert Witness.seen == (1, 2, 3, 4, 5)
    saved = torch.load(find_resume_checkpoint(tmp_path), weights_only=True)
    assert saved['state_dict']['weight'].isfinite()


def test_no_checkpoint_yet(tmp_path):
    with pytest.raises(FloatingPointError, match='iteration 1: .* there is no checkpoint yet'):
        train(tmp_path, breaks=1, value=float('nan'))


@pytest.mark.parametrize(('interval', 'last', 'found'), [(3, 'iter_2', 3), (100, 'iter_2', 3)])
def test_rare_checks_come_before_each_checkpoint(tmp_path, interval, last, found):
    """The first bad iteration is named, although checks are rarer."""
    with pytest.raises(FloatingPointError, match=f'iteration {found}: .*{last}'):
        train(tmp_path, interval=interval, breaks=3, value=float('nan'))
    assert [path.stem for path in tmp_path.glob('*.pth')] == [last]


def test_a_value_that_was_bad_between_two_checks_is_not_missed(tmp_path):
    with pytest.raises(FloatingPointError, match='iteration 2: loss_distill is inf'):
        train(tmp_path, interval=4, save=100, breaks=2, value=float('inf'), heals=True)


def test_finite_losses_pass_and_other_values_do_not_count(tmp_path):
    train(tmp_path, breaks=100, value=float('nan'))
    assert Witness.seen[-1] == 7 and (tmp_path / 'iter_7.pth').exists()


def test_the_sum_is_named_only_if_all_terms_are_finite(tmp_path):
    hook = FiniteLossHook()
    hook._unchecked = [
        (5, 'loss', torch.tensor(float('inf'))),
        (5, 'loss_a', torch.tensor(3e38)),
        (6, 'loss_a', torch.tensor(float('nan'))),
    ]
    runner = type('Run', (), dict(work_dir=str(tmp_path)))()
    with pytest.raises(FloatingPointError, match='iteration 5: loss is inf. '):
        hook._check(runner)


class InfiniteGradient(torch.autograd.Function):
    """Nothing on the way there, infinite on the way back."""

    @staticmethod
    def forward(ctx, value):
        return value.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * float('inf')


def test_parameters_that_a_gradient_ruined_are_not_saved(tmp_path, monkeypatch):
    """The loss of iteration 4 is finite, its gradient is not, and iteration 4 is to be saved."""
    plain = BreakingModel.forward

    def forward(self, *args, **kwargs):
        losses = plain(self, *args, **kwargs)
        if self.iteration == 4:
            losses['loss_task'] = InfiniteGradient.apply(losses['loss_task'])
        return losses

    monkeypatch.setattr(BreakingModel, 'forward', forward)
    with pytest.raises(FloatingPointError) as error:
        train(tmp_path, breaks=100, value=1.0)
    message = str(error.value)
    assert message.startswith('iteration 4: parameters of the model are not finite: ')
    assert 'not finite: weight (1 in all). ' in message and 'iter_2.pth' in message
    assert [path.name for path in tmp_path.glob('*.pth')] == ['iter_2.pth']


def test_interval_must_be_positive():
    with pytest.raises(ValueError, match='at least 1'):
        FiniteLossHook(interval=0)


def work(rank, folder):
    try:
        train(folder, breaks=4, value=float('nan'), rank=1)
    except FloatingPointError as error:
        with open(f'{folder}/rank{rank}.txt', 'w') as file:
            file.write(str(error))


def test_all_ranks_stop_together(tmp_path):
    """Only the second rank sees the value; the first would go on to save what it did."""
    run_in_two_processes(work, str(tmp_path))
    first, second = (tmp_path / f'rank{rank}.txt' for rank in (0, 1))
    assert 'iteration 4: loss_distill is nan' in first.read_text()
    assert first.read_text() == second.read_text()
    assert [path.name for path in tmp_path.glob('*.pth')] == ['iter_2.pth']


def test_sound_parameters_pass(tmp_path):
    check_parameters(SimpleNamespace(work_dir=str(tmp_path)), nn.Linear(2, 3), 4, 'model')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_the_first_bad_parameter_and_its_owner_are_named(tmp_path, value):
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    with torch.no_grad():
        module[1].weight[0, 1] = value
        module[1].bias[0] = value
    message = (
        r'iteration 4: parameters of the distiller are not finite: 1\.weight \(2 in all\).*no check'
    )
    with pytest.raises(FloatingPointError, match=message):
        check_parameters(SimpleNamespace(work_dir=str(tmp_path)), module, 4, 'distiller')


def test_the_last_checkpoint_is_named(tmp_path):
    torch.save(dict(), tmp_path / 'iter_2.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_2.pth'))
    with pytest.raises(FloatingPointError, match=r'^loss is nan\. .*iter_2\.pth'):
        stop_run(SimpleNamespace(work_dir=str(tmp_path)), 'loss is nan')
