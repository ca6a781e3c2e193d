# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.model import ExponentialMovingAverage, MomentumAnnealingEMA
from torch import nn

from mmdiffrep.models.algorithms import ForeachEMA
from mmdiffrep.registry import MODELS


def models():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    while True:
        with torch.no_grad():
            for value in (*model.parameters(), *model.buffers()):
                value.add_(torch.randn_like(value.float()).to(value.dtype))
        yield model


@pytest.mark.parametrize('update_buffers', [False, True])
def test_averages_as_mmengine_does(update_buffers):
    changing = models()
    options = dict(momentum=0.2, gamma=3, interval=2, update_buffers=update_buffers)
    first = next(changing)
    ours, theirs = ForeachEMA(first, **options), MomentumAnnealingEMA(first, **options)
    for model, _ in zip(changing, range(20)):
        ours.update_parameters(model)
        theirs.update_parameters(model)
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value, msg=name)


@pytest.mark.parametrize('momentum', [0.001, 0.01, 0.2])
def test_without_a_warm_up_averages_as_the_default_of_the_hook_to_the_last_bit(momentum):
    changing = models()
    first = next(changing)
    ours = ForeachEMA(first, momentum=momentum, gamma=0)
    theirs = ExponentialMovingAverage(first, momentum=momentum)
    for model, _ in zip(changing, range(20)):
        ours.update_parameters(model)
        theirs.update_parameters(model)
        for name, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[name], value), name


def test_decay_is_the_smaller_of_the_two():
    model = nn.Linear(1, 1, bias=False)
    settings = dict(momentum=0.25, gamma=2, power=2 / 3)
    ema = MODELS.build(dict(type='ForeachEMA', model=model, **settings))
    expected = 0.0
    for step in range(8):
        model.weight.data.fill_(step)
        ema.update_parameters(model)
        decay = min(0.75, 1 - (1 + step / 2) ** (-2 / 3))
        expected = decay * expected + (1 - decay) * step
        assert ema.module.weight.item() == pytest.approx(expected)


def test_goes_on_from_a_checkpoint():
    changing = models()
    through = ForeachEMA(next(changing), gamma=2)
    for model, _ in zip(changing, range(3)):
        through.update_parameters(model)
    resumed = ForeachEMA(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), gamma=2)
    resumed.update_parameters(model)  # any count of its own is given up
    resumed.load_state_dict(through.state_dict())
    for model, _ in zip(changing, range(3)):
        through.update_parameters(model)
        resumed.update_parameters(model)
    for name, value in through.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_wrong_power():
    with pytest.raises(ValueError, match='power must be positive, got 0'):
        ForeachEMA(nn.Linear(1, 1), power=0)
