# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from unittest.mock import Mock

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmdiffrep.engine.distillation.side_optimizer import SideOptimizer


def build(**kwargs):
    host, side = nn.Linear(2, 1), nn.ModuleDict(dict(net=nn.Linear(2, 1), policy=nn.Linear(2, 1)))
    wrapper = OptimWrapper(torch.optim.SGD(host.parameters(), lr=1.0))
    optimizer = SideOptimizer(side, dict(type='SGD', lr=0.5), **kwargs)
    optimizer.attach(wrapper)
    return host, side, wrapper, optimizer


def test_steps_with_the_host_and_stops_when_detached():
    host, side, wrapper, optimizer = build()
    weight = side['net'].weight.detach().clone()
    loss = host(torch.ones(1, 2)).sum() + side['net'](torch.ones(1, 2)).sum()
    wrapper.update_params(loss)
    torch.testing.assert_close(side['net'].weight, weight - 0.5)
    optimizer.detach()
    wrapper.update_params(host(torch.ones(1, 2)).sum())
    torch.testing.assert_close(side['net'].weight, weight - 0.5)


def test_parts_without_gradient_stay():
    host, side, wrapper, _ = build()
    weight = side['policy'].weight.detach().clone()
    wrapper.update_params(host(torch.ones(1, 2)).sum() + side['net'](torch.ones(1, 2)).sum())
    assert torch.equal(side['policy'].weight, weight)


def test_own_clip_norm_leaves_the_host_alone():
    host, side, wrapper, _ = build(clip_grad=dict(max_norm=0.1))
    before = {name: p.detach().clone() for name, p in side.named_parameters()}
    host_weight = host.weight.detach().clone()
    wrapper.update_params((host(torch.ones(1, 2)) + side['net'](torch.ones(1, 2))).sum() * 100)
    torch.testing.assert_close(host.weight, host_weight - 100)
    step = torch.cat([(p - before[name]).flatten() for name, p in side.named_parameters()])
    torch.testing.assert_close(step.norm(), torch.tensor(0.05))


def test_learning_rate_of_a_part():
    *_, optimizer = build(paramwise_cfg=dict(custom_keys={'policy': dict(lr_mult=0.1)}))
    rates = {group['lr'] for group in optimizer.optimizer.param_groups}
    assert rates == {0.5, 0.05}


@pytest.mark.parametrize(('own', 'warned'), [(None, True), ([], False)])
def test_schedulers_outside_the_config_are_not_lost_in_silence(own, warned):
    *_, optimizer = build()
    runner = Mock(cfg={}, param_schedulers=[object()])
    optimizer.follow_schedule(runner, own)
    assert runner.logger.warning.called is warned


def test_a_module_with_nothing_to_train_is_left_alone():
    host = nn.Linear(2, 1)
    wrapper = OptimWrapper(torch.optim.SGD(host.parameters(), lr=1.0))
    paramwise = dict(custom_keys={'policy': dict(lr_mult=0.1)})
    optimizer = SideOptimizer(nn.ReLU(), dict(type='AdamW', lr=0.5), paramwise, dict(max_norm=1))
    runner = Mock(cfg=dict(param_scheduler=[dict(type='ConstantLR')]), param_schedulers=['host'])
    optimizer.broadcast()
    optimizer.follow_schedule(runner, None)
    optimizer.attach(wrapper)
    before = host.weight.detach().clone()
    wrapper.update_params(host(torch.ones(1, 2)).sum())
    optimizer.zero_grad()
    optimizer.detach()
    torch.testing.assert_close(host.weight, before - 1)
    assert runner.param_schedulers == ['host']
    state = optimizer.optimizer.state_dict()
    assert state['state'] == {}
    optimizer.optimizer.load_state_dict(state)


@pytest.mark.parametrize('optimizer', [dict(type='AdmW', lr=0.5), dict(lr=0.5)])
def test_wrong_type_is_named(optimizer):
    with pytest.raises(ValueError, match=r"type ('AdmW'|None), which is not in the \w+ registry"):
        SideOptimizer(nn.Linear(2, 1), optimizer)
