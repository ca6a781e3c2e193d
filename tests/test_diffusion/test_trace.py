# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch
from torch import nn

from mmdiffrep.diffusion.trace import Call, StopPass, TapRecorder, trace_calls


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.pair = nn.Sequential(nn.Conv2d(4, 5, 2, stride=2), nn.ReLU())
        self.unused = nn.Conv2d(1, 1, 1)
        self.last_ran = 0

    def forward(self, x):
        x = self.pair(self.first(input=x))
        self.last_ran += 1
        return x


def test_trace_on_the_meta_device():
    with torch.device('meta'):
        net = Net()
    calls = trace_calls(net, lambda: net(torch.empty(1, 3, 8, 8, device='meta')))
    assert calls == {
        'first': Call(0, 1, (1, 3, 8, 8), (1, 4, 8, 8), 1),
        'pair': Call(2, 7, (1, 4, 8, 8), (1, 5, 4, 4), 1),
        'pair.0': Call(3, 4, (1, 4, 8, 8), (1, 5, 4, 4), 1),
        'pair.1': Call(5, 6, (1, 5, 4, 4), (1, 5, 4, 4), 1),
    }
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_trace_counts_repeated_calls():
    net = nn.Sequential(nn.ReLU())
    calls = trace_calls(net, lambda: [net(torch.zeros(1)), net(torch.zeros(1))])
    assert calls['0'].count == 2


def test_recorder_catches_both_sides_and_forgets():
    net, recorder, x = Net(), TapRecorder(), torch.randn(2, 3, 8, 8)
    recorder.watch(net, {'a': ('first', 'in'), 'b': ('first', 'out'), 'c': ('first', 'out')})
    net(x)
    caught = recorder.collect()
    assert list(caught) == ['a', 'b', 'c']
    assert caught['a'] is x
    assert torch.equal(caught['b'], net.first(x))
    assert caught['c'] is caught['b']
    recorder.store.clear()
    recorder.watch(net, {'d': ('pair', 'out')})
    out = net(x)
    assert recorder.collect()['d'] is out
    assert not recorder.store
    assert not net.first._forward_hooks


def test_recorder_stops_the_pass_once_all_is_read():
    net, recorder = Net(), TapRecorder(stop=True)
    recorder.watch(net, {'a': ('first', 'in'), 'b': ('pair.0', 'out')})
    with pytest.raises(StopPass):
        net(torch.randn(2, 3, 8, 8))
    assert net.last_ran == 0
    assert list(recorder.collect()) == ['a', 'b']


def test_copies_record_for_themselves():
    class Owner(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.recorder = Net(), TapRecorder()
            self.recorder.watch(self.net, {'a': ('first', 'out')})

    owner = Owner()
    twin = copy.deepcopy(owner)
    twin.net(torch.randn(1, 3, 8, 8))
    assert not owner.recorder.store
    assert list(twin.recorder.collect()) == ['a']
    twin.recorder.watch(twin.net, {})
    assert not twin.net.first._forward_hooks
    assert owner.net.first._forward_hooks
