# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.testing import (
    RandomSegmentation,
    greatest_difference,
    parameters_of,
    tiny_runner,
    tiny_teacher,
)


def test_teacher_is_tiny_and_whole():
    teacher = load_denoiser(tiny_teacher(num_timesteps=7))
    assert teacher.schedule.num_timesteps == 7
    assert sum(parameter.numel() for parameter in teacher.parameters()) < 100_000
    assert teacher.taps['mid'] == (16, 2)


def test_data_is_the_same_in_every_process_and_can_be_reordered():
    first, again = RandomSegmentation(length=4), RandomSegmentation(length=4, order=[2, 0])
    assert len(again) == 2
    assert torch.equal(again[0]['inputs'], first[2]['inputs'])
    label = first[2]['data_samples'].gt_sem_seg.data
    assert torch.equal(again[0]['data_samples'].gt_sem_seg.data, label)
    assert label.min() >= 0 and label.max() < 4


def test_run_trains_and_is_repeatable(tmp_path):
    results = []
    for name in ('one', 'two'):
        runner = tiny_runner(tmp_path / name, max_iters=2)
        before = parameters_of(runner.model)
        runner.train()
        results.append(parameters_of(runner.model))
        assert greatest_difference(before, results[-1]) > 0
    assert greatest_difference(*results) == 0


def test_difference_of_parameters():
    layer = nn.Linear(2, 1)
    copied = parameters_of(layer)
    with torch.no_grad():
        layer.bias.add_(0.25)
    assert greatest_difference(copied, parameters_of(layer)) == pytest.approx(0.25)
    with pytest.raises(ValueError, match='bias'):
        greatest_difference(copied, parameters_of(nn.Linear(2, 1, bias=False)))
