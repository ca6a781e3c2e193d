# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What is checked and arranged around a pass; its numbers are compared with a loop written by hand
in test_hooks/test_repfusion_hook.py."""

from types import SimpleNamespace

import pytest
import torch

from mmdiffrep.engine.distillation_pass import DistillationPass, grouped
from mmdiffrep.models.timestep_policies import FixedTimestep, ReinforcedTimestep


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


def test_a_feature_without_gradient_is_named():
    taps = SimpleNamespace(
        taps=[SimpleNamespace(module='backbone.layer4')],
        take=lambda batch_size: [torch.zeros(batch_size, 4, 2, 2)],
    )
    distil = make(FixedTimestep(t=0), 20, taps)
    with pytest.raises(RuntimeError, match="student layer 'backbone.layer4' carries no gradient"):
        distil(torch.zeros(2, 3, 8, 8), None, {}, chance=None, progress=0.0)
