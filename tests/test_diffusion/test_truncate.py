# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from mmdiffrep.diffusion.taps import TapSite
from mmdiffrep.diffusion.trace import Call
from mmdiffrep.diffusion.truncate import CutPlan, PassThrough, plan_cut, replace_dead

# one stage of two units, then a second; 'b.0.conv' is a part of unit 'b.0'
CALLS = {
    'a.0': Call(0, 1, (), (), 1),
    'a.1': Call(2, 3, (), (), 1),
    'b': Call(4, 11, (), (), 1),
    'b.0': Call(5, 8, (), (), 1),
    'b.0.conv': Call(6, 7, (), (), 1),
    'b.1': Call(9, 10, (), (), 1),
    'end': Call(12, 13, (), (), 1),
}
UNITS = ['end', 'a.0', 'a.1', 'b.0', 'b.1', 'never called']


@pytest.mark.parametrize(
    ('sites', 'live', 'held'),
    [
        ([('a.0', 'out')], {'a.0'}, set()),
        ([('a.1', 'in')], {'a.0'}, {'a.1'}),
        ([('b', 'in')], {'a.0', 'a.1'}, {'b.0'}),
        ([('b.0.conv', 'in')], {'a.0', 'a.1', 'b.0'}, set()),
        ([('b', 'out')], {'a.0', 'a.1', 'b.0', 'b.1'}, set()),
        ([('b', 'in'), ('b.0', 'out')], {'a.0', 'a.1', 'b.0'}, set()),
        ([('end', 'out'), ('a.0', 'in')], {'a.0', 'a.1', 'b.0', 'b.1', 'end'}, set()),
    ],
)
def test_plan(sites, live, held):
    plan = plan_cut(CALLS, UNITS, [TapSite(*site) for site in sites])
    assert plan == CutPlan(frozenset(live), frozenset(held))


def test_plan_knows_which_containers_it_needs():
    plan = plan_cut(CALLS, UNITS, [TapSite('b', 'in')])
    assert plan.needs('a')
    assert plan.needs('b')
    assert plan.needs('b.0')
    assert not plan.needs('b.1')
    assert not plan.needs('end')


def test_replace_dead():
    parts = nn.ModuleList([nn.ReLU(), nn.ReLU(), None, nn.ReLU()])
    plan = CutPlan(frozenset({'a.0'}), frozenset({'a.1'}))
    assert replace_dead(parts, 'a', plan) == 2
    assert [type(part) for part in parts] == [nn.ReLU, PassThrough, type(None), PassThrough]


def test_pass_through_ignores_what_else_it_is_given():
    x = torch.randn(2)
    assert PassThrough()(x, torch.zeros(1), temb=torch.zeros(1)) is x
