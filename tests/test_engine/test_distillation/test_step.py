# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What is checked and arranged around a pass; its numbers are compared with a loop written by hand
in test_hooks/test_repfusion_hook.py."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch

from mmdiffrep.engine.distillation.step import DistillationPass, grouped
from mmdiffrep.models.teachers import DPMTeacher
from mmdiffrep.models.timestep_policies import FixedTimestep, ReinforcedTimestep
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.utils.random_streams import IterationStreams


def make(policy, num_timesteps, taps=None):
    distiller = SimpleNamespace(branches=[SimpleNamespace(policy=policy)])
    teacher = SimpleNamespace(num_timesteps=num_timesteps)
    return DistillationPass(taps, teacher, distiller, group_sizes=[1])


def test_layers_are_grouped_by_pair():
    assert grouped('abcd', [1, 3]) == [('a',), ('b', 'c', 'd')]
    assert grouped([], []) == []


def test_a_timestep_that_the_teacher_has_not_is_refused():
    make(FixedTimestep(t=19), 20)
    with pytest.raises(ValueError, match='draw t = 20, but the teacher has 20 timesteps'):
        make(FixedTimestep(t=20), 20)


@pytest.mark.parametrize(
    'policy', [FixedTimestep(t=3), ReinforcedTimestep(num_timesteps=20, num_buckets=5)]
)
def test_a_teacher_without_timesteps_leaves_a_policy_nothing_to_choose(policy):
    make(FixedTimestep(t=0), None)
    with pytest.raises(ValueError, match=f'{type(policy).__name__} has nothing to choose'):
        make(policy, None)


@pytest.mark.parametrize('raw_input', [False, True])
def test_policy_sees_what_the_teacher_gets(raw_input):
    """The exact image, or as officially the student's tensor."""
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    pixels = torch.randint(0, 256, (2, 3, 16, 16))
    images = (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    teacher = DPMTeacher(tiny_teacher(), taps=['mid'], mean=mean, std=std, raw_input=raw_input)
    policy, seen = FixedTimestep(t=3), []
    policy.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    teacher.denoiser.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    distiller = Mock(branches=[SimpleNamespace(policy=policy)], branch_names=[''])
    taps = Mock(layers=[], take=lambda batch_size: [])
    distil = DistillationPass(taps, teacher, distiller, group_sizes=[])
    distil(images, None, {}, IterationStreams(seed=0, iteration=0), progress=0.0)
    expected = images if raw_input else pixels / 127.5 - 1
    torch.testing.assert_close(seen, [expected, expected])


def test_a_feature_without_gradient_is_named():
    taps = SimpleNamespace(
        layers=['backbone.layer4'],
        take=lambda batch_size: [torch.zeros(batch_size, 4, 2, 2)],
    )
    distil = make(FixedTimestep(t=0), 20, taps)
    with pytest.raises(RuntimeError, match="student layer 'backbone.layer4' carries no gradient"):
        distil(torch.zeros(2, 3, 8, 8), None, {}, streams=None, progress=0.0)
