# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import itertools

import torch
import torch.nn.functional as F
from torch import nn

from mmdiffrep.models.heads import StackedMLP

MEMBERS, DIM, BATCH, CLASSES = 3, 11, 16, 5


def official_member(widths):
    """DDPM-Seg's pixel classifier in plain torch."""
    layers = []
    for width, following in itertools.pairwise(widths[:-1]):
        layers += [nn.Linear(width, following), nn.ReLU(), nn.BatchNorm1d(following)]
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]))


def copy_member(stacked, member, single):
    linears = [layer for layer in single if isinstance(layer, nn.Linear)]
    norms = [layer for layer in single if isinstance(layer, nn.BatchNorm1d)]
    with torch.no_grad():
        for own, layer in zip(stacked.linears, linears):
            layer.weight.copy_(own.weight[member])
            layer.bias.copy_(own.bias[member, :, 0])
        for own, layer in zip(stacked.norms, norms):
            layer.weight.copy_(own.weight[member])
            layer.bias.copy_(own.bias[member])
            layer.running_mean.copy_(own.running_mean[member])
            layer.running_var.copy_(own.running_var[member])


def make():
    stacked = StackedMLP(MEMBERS, (DIM, 8, 6, CLASSES))
    for norm in stacked.norms:  # not at its neutral start
        nn.init.normal_(norm.weight, 1, 0.3)
        nn.init.normal_(norm.bias, 0, 0.3)
    singles = [official_member((DIM, 8, 6, CLASSES)) for _ in range(MEMBERS)]
    for member, single in enumerate(singles):
        copy_member(stacked, member, single)
    return stacked, singles


def test_each_member_equals_a_perceptron_trained_alone():
    """The same weights and batches, a different batch for each member, 30 steps of Adam."""
    stacked, singles = make()
    optimizer = torch.optim.Adam(stacked.parameters(), lr=1e-3)
    own = [torch.optim.Adam(single.parameters(), lr=1e-3) for single in singles]
    for _ in range(30):
        x = torch.randn(MEMBERS, BATCH, DIM)
        labels = torch.randint(CLASSES, (MEMBERS, BATCH))
        optimizer.zero_grad()
        losses = F.cross_entropy(stacked(x), labels, reduction='none').mean(1)
        losses.sum().backward()
        optimizer.step()
        for member, single in enumerate(singles):
            own[member].zero_grad()
            loss = F.cross_entropy(single(x[member]), labels[member])
            loss.backward()
            own[member].step()
            assert abs(losses[member] - loss) < 1e-5
    for member, single in enumerate(singles):
        alone = official_member((DIM, 8, 6, CLASSES))
        copy_member(stacked, member, alone)
        for (name, value), other in zip(single.state_dict().items(), alone.state_dict().values()):
            if 'tracked' not in name:
                assert torch.allclose(value, other, atol=1e-5), name


def test_evaluation_equals_a_perceptron_alone_and_the_folded_layers():
    stacked, singles = make()
    stacked(torch.randn(MEMBERS, BATCH, DIM))  # moves the running statistics
    stacked.eval()
    x = torch.randn(MEMBERS, 7, DIM)
    logits = stacked(x)
    for member, single in enumerate(singles):
        copy_member(stacked, member, single)
        expected = single.eval()(x[member])
        assert torch.allclose(logits[member].T, expected, atol=1e-5)
        first = stacked.linears[0]
        folded = F.linear(x[member], first.weight[member], first.bias[member, :, 0])
        for weight, bias in stacked.member_tail(member):
            folded = F.linear(F.relu(folded), weight, bias)
        assert torch.allclose(folded, expected, atol=1e-5)


def test_members_do_not_touch_each_other():
    stacked, _ = make()
    x = torch.randn(MEMBERS, BATCH, DIM)
    before = stacked(x)
    x[1] += 1
    after = stacked(x)
    assert torch.equal(before[0], after[0]) and torch.equal(before[2], after[2])
    assert not torch.allclose(before[1], after[1])


def test_frozen_members_keep_their_statistics():
    stacked, _ = make()
    before = [norm.running_mean.clone() for norm in stacked.norms]
    variances = [norm.running_var.clone() for norm in stacked.norms]
    stacked(torch.randn(MEMBERS, BATCH, DIM), frozen=torch.tensor([True, False, True]))
    for norm, mean, variance in zip(stacked.norms, before, variances):
        kept = (norm.running_mean == mean).all(1) & (norm.running_var == variance).all(1)
        assert kept.tolist() == [True, False, True]


def test_official_start():
    stacked = StackedMLP(10, (500, 128, 32, 15))
    assert abs(stacked.linears[0].weight.std() - 0.02) < 1e-3
    assert all((linear.bias == 0).all() for linear in stacked.linears)
    assert not torch.equal(stacked.linears[0].weight[0], stacked.linears[0].weight[1])
