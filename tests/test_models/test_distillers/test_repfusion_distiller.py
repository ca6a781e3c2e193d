# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import BaseDataElement

from mmdiffrep.models.distillers import RepFusionDistiller
from mmdiffrep.models.timestep_policies import TimestepSample

FEATURES = (torch.randn(2, 4, 3, 3, requires_grad=True), torch.randn(2, 5, requires_grad=True))
STUDENT = tuple((feature,) for feature in FEATURES)
TEACHER = (torch.randn(2, 6, 4, 4), torch.randn(2, 7, 2, 2))
PAIRS = [
    dict(loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l1'), standardize=True),
    dict(loss=dict(type='mmdiffrep.PooledFeatureLoss')),
]


def build(**kwargs):
    return RepFusionDistiller(
        pairs=PAIRS, student_channels=((4,), (5,)), teacher_channels=(6, 7), **kwargs
    )


def test_one_loss_a_pair():
    distiller = build(policy=dict(type='mmdiffrep.FixedTimestep', t=3))
    losses = distiller(STUDENT, TEACHER, TimestepSample(torch.tensor([3, 3])), None, 0.0)
    assert set(losses) == {'loss_distill_0', 'loss_distill_1', 'timestep'}
    pooled = distiller.pairs[1].connector(FEATURES[1])[:, :, 0, 0]
    expected = (pooled - TEACHER[1].mean(dim=(2, 3))).square().mean()
    torch.testing.assert_close(losses['loss_distill_1'], expected)


def test_reinforced_policy_and_decoder_are_trained_apart_from_the_student():
    distiller = build(
        policy=dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=10, baseline='none'),
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=3),
    )
    sample = distiller.policy(torch.randn(2, 3, 16, 16))
    labels = [BaseDataElement(gt_label=torch.tensor([label])) for label in (0, 2)]
    losses = distiller(STUDENT, TEACHER, sample, labels, 0.0)
    terms = ['loss_decoder', 'loss_policy', 'reward', 'policy_entropy', 'timestep']
    assert set(terms) <= set(losses)
    assert losses['reward'] == -losses['loss_decoder'].detach()
    students = torch.autograd.grad(
        losses['loss_policy'] + losses['loss_decoder'], FEATURES, allow_unused=True
    )
    assert students == (None, None)


def test_decoder_is_not_built_for_a_policy_that_learns_nothing():
    distiller = build(
        policy=dict(type='mmdiffrep.UniformTimestep'),
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=3),
    )
    assert distiller.reward is None


def test_reinforced_policy_needs_a_reward():
    with pytest.raises(ValueError, match='needs a reward'):
        build(policy=dict(type='mmdiffrep.ReinforcedTimestep'))


def test_several_layers_predict_one_teacher_feature():
    distiller = RepFusionDistiller(
        pairs=[dict(loss=dict(type='mmdiffrep.DenseFeatureLoss'))],
        student_channels=[(4, 6)],
        teacher_channels=[7],
        policy=dict(type='mmdiffrep.FixedTimestep'),
    )
    stages = (torch.randn(2, 4, 8, 8), torch.randn(2, 6, 2, 2))
    teacher = torch.randn(2, 7, 8, 8)
    sample = TimestepSample(torch.tensor([0, 0]))
    loss = distiller([stages], [teacher], sample, None, 0.0)['loss_distill']
    predicted = distiller.pairs[0].connector(stages)
    torch.testing.assert_close(loss, (predicted - teacher).square().mean())
