# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A distiller is built for its model and teacher, and refused where they do not suit each other."""

from types import SimpleNamespace

import pytest
from torch import nn

from mmdiffrep.engine.distillation.phases import PhaseSchedule
from mmdiffrep.engine.distillation.run_distiller import build_run_distiller
from mmdiffrep.engine.distillation.student_layers import StudentLayers
from mmdiffrep.models.rewards import ClassificationReward

FIXED = dict(type='mmdiffrep.FixedTimestep', t=3)
REINFORCED = dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=10)
DENSE = dict(type='mmdiffrep.DenseFeatureLoss')


class Classifier(nn.Module):
    """A backbone of two stages, a head of three classes."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 2, 2), nn.Conv2d(4, 6, 2, 2))
        self.head = nn.Linear(6, 3)
        self.head.num_classes = 3

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return self.head(self.backbone(inputs).mean((2, 3)))


def teacher(**facts):
    facts = dict(channels=(8, 16), num_timesteps=20, timesteps=None, pooled=False) | facts
    return SimpleNamespace(**facts)


def build(teacher=None, policy=FIXED, reward=None, phases=None, model=None, layers=None):
    layers = layers or ['backbone.0', 'backbone.1']
    pairs = [dict(student=layer, teacher='dec.1', loss=DENSE) for layer in layers]
    return build_run_distiller(
        model=model or Classifier(),
        teacher=teacher or globals()['teacher'](),
        pairs=pairs,
        layers=StudentLayers(pairs),
        policy=policy,
        reward=reward,
        holdout=0.0,
        phases=PhaseSchedule(phases),
    )


def test_channels_are_those_of_model_and_teacher():
    distiller = build()
    convs = [layer for layer in distiller.modules() if isinstance(layer, nn.Conv2d)]
    assert [(conv.in_channels, conv.out_channels) for conv in convs] == [(4, 8), (6, 16)]


def test_a_policy_that_learns_gets_the_reward_of_the_head():
    (branch,) = build(policy=REINFORCED).branches
    assert isinstance(branch.reward, ClassificationReward)
    assert build().branches[0].reward is None


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(teacher=teacher(num_timesteps=3)), r'teacher has 3 timesteps\) must be in \[0, 2\]'),
        (dict(teacher=teacher(timesteps=(1, 2))), 'can draw t = 3, but .* has only t = 1, 2'),
        (dict(teacher=teacher(num_timesteps=None)), 'has no timesteps, so FixedTimestep'),
        (dict(teacher=teacher(drop=0.5), policy=REINFORCED), 'set drop=0 of the teachers'),
        (dict(teacher=teacher(pooled=True)), r'averages \(pool\), but DenseFeatureLoss needs'),
        (dict(layers=['backbone.0', 'neck']), 'neck'),
    ],
)
def test_teachers_that_do_not_suit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_a_reward_of_the_task_needs_a_task_that_learns():
    options = dict(policy=REINFORCED, reward=dict(type='mmdiffrep.StudentGainReward'))
    build(**options, phases=[('joint', 5)])
    with pytest.raises(ValueError, match="does not learn in the phase 'distill'"):
        build(**options, phases=[('distill', 3), ('joint', 5)])


def test_stored_features_are_those_of_images_that_nobody_mixes():
    model = Classifier()
    model.data_preprocessor = SimpleNamespace(batch_augments=nn.Identity())
    build(model=model)
    with pytest.raises(ValueError, match='Identity changes images whose features are stored'):
        build(model=model, teacher=teacher(timesteps=tuple(range(20))))
