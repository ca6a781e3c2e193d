# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import BaseDataElement

from mmdiffrep.engine.distillation.step import TeacherRead, distillation_losses
from mmdiffrep.models.distillers import RepFusionDistiller
from mmdiffrep.models.timestep_policies import Draws, TimestepSample

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


def losses_of(distiller, student, samples, teacher, data_samples=None):
    """Losses of a step in which every policy reads the same features."""
    reads = {
        name: TeacherRead(sample, [teacher])
        for name, sample in zip(distiller.branch_names, samples)
    }
    return distillation_losses(distiller, student, reads, data_samples, {}, 0.0)


def test_one_loss_per_pair():
    distiller = build(policy=dict(type='mmdiffrep.FixedTimestep', t=3))
    losses = losses_of(distiller, STUDENT, [TimestepSample(torch.tensor([3, 3]))], TEACHER)
    assert set(losses) == {
        f'{key}_{i}' for key in ('loss_distill', 'explained') for i in (0, 1)
    } | {'timestep'}
    pooled = distiller.pairs[1].connector(FEATURES[1][:, :, None, None])[:, :, 0, 0]
    expected = (pooled - TEACHER[1].mean(dim=(2, 3))).square().mean()
    torch.testing.assert_close(losses['loss_distill_1'], expected)


@pytest.mark.parametrize(
    'loss',
    [
        dict(type='mmdiffrep.PooledFeatureLoss'),
        dict(type='mmdiffrep.PooledFeatureLoss', distance='normalized_l2'),
        dict(type='mmdiffrep.PooledFeatureLoss', distance='cosine'),
        dict(type='mmdiffrep.DenseFeatureLoss', distance='l1'),
        dict(type='mmdiffrep.AttentionTransferLoss'),
        dict(type='mmdiffrep.RelationalLoss'),
        dict(type='mmdiffrep.ContrastiveLoss'),
    ],
    ids=lambda loss: '_'.join(loss.values()),
)
def test_every_loss_over_two_pairs(loss):
    distiller = RepFusionDistiller(
        pairs=[dict(loss=loss), dict(loss=loss)],
        student_channels=((4,), (8,)),
        teacher_channels=(6, 7),
        policy=dict(type='mmdiffrep.FixedTimestep'),
    )
    shapes = (3, 4, 4, 4), (3, 8, 2, 2)
    student = [(torch.randn(shape, requires_grad=True),) for shape in shapes]
    teacher = (torch.randn(3, 6, 4, 4), torch.randn(3, 7, 4, 4))
    losses = losses_of(distiller, student, [TimestepSample(torch.zeros(3))], teacher)
    for index, pair in enumerate(distiller.pairs):
        value = losses[f'loss_distill_{index}']
        torch.testing.assert_close(value, pair(student[index], teacher[index]))
        (own,) = torch.autograd.grad(value, student[index], retain_graph=True)
        assert own.isfinite().all() and own.abs().max() > 0


def test_reinforced_policy_and_decoder_are_trained_apart_from_the_student():
    distiller = build(
        policy=dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=10, baseline='none'),
        reward=dict(type='mmdiffrep.ClassificationReward', num_classes=3),
    )
    sample = distiller.branches[0].policy(torch.randn(2, 3, 16, 16), Draws(torch.rand(2)))
    labels = [BaseDataElement(gt_label=torch.tensor([label])) for label in (0, 2)]
    losses = losses_of(distiller, STUDENT, [sample], TEACHER, labels)
    terms = ['loss_decoder', 'loss_policy', 'reward', 'policy_entropy', 'timestep']
    assert set(terms) <= set(losses)
    assert losses['reward'] == -losses['loss_decoder'].detach()
    students = torch.autograd.grad(
        losses['loss_policy'] + losses['loss_decoder'], FEATURES, allow_unused=True
    )
    assert students == (None, None)


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
    loss = losses_of(distiller, [stages], [sample], (teacher,))['loss_distill']
    predicted = distiller.pairs[0].connector(stages, (8, 8))
    torch.testing.assert_close(loss, (predicted - teacher).square().mean())


REINFORCED = dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=10)
LABELED = dict(type='mmdiffrep.ClassificationReward', num_classes=3)
LABEL_FREE = dict(type='mmdiffrep.InstanceDiscriminationReward')


def test_named_policies_share_the_connectors_and_log_under_their_names():
    distiller = build(
        policy=dict(task=REINFORCED, common=REINFORCED),
        reward=dict(task=LABELED, common=LABEL_FREE),
    )
    labels = [BaseDataElement(gt_label=torch.tensor([label])) for label in (0, 2)]
    images = torch.randn(2, 3, 16, 16)
    drawn = [branch.policy(images, Draws(torch.rand(2))) for branch in distiller.branches]
    losses = losses_of(distiller, STUDENT, drawn, TEACHER, labels)
    both = [
        'loss_distill_0',
        'loss_distill_1',
        'explained_0',
        'explained_1',
        'loss_policy',
        'policy_entropy',
        'reward',
    ]
    expected = [f'{name}/{key}' for name in ('task', 'common') for key in [*both, 'timestep']]
    assert set(losses) == {*expected, 'task/loss_decoder'}
    # The same features and the same connectors.
    assert losses['task/loss_distill_1'] == losses['common/loss_distill_1']


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(policy=dict(task=dict(num_buckets=3))), 'policy: task needs a `type`'),
        (dict(policy={}), 'policy must be dict.*several of them by name'),
        (dict(policy='a type of policy'), 'policy must be dict'),
        (
            dict(policy=dict(task=REINFORCED), reward=LABELED),
            "one of 'task', got 'type'",
        ),
        (
            dict(policy=dict(task=REINFORCED), reward=dict(other=LABELED)),
            "'task', got 'other'",
        ),
        (
            dict(policy=REINFORCED, reward=dict(task=LABELED)),
            'the reward .* needs a `type`',
        ),
        (dict(policy=dict(task=REINFORCED)), 'needs a reward'),
        (dict(policy=REINFORCED, reward=LABELED, holdout=1.0), r'holdout must be in \[0, 1\)'),
        (dict(policy=REINFORCED, reward=LABEL_FREE, holdout=0.5), 'set holdout=0'),
        # Its images are keys of one another: none can be kept from it.
        (
            dict(policy=REINFORCED, reward=dict(LABEL_FREE, projection=4), holdout=0.5),
            'set holdout=0',
        ),
        (
            dict(policy=dict(type='mmdiffrep.UniformTimestep'), reward=LABELED),
            'UniformTimestep learns nothing',
        ),
        (
            dict(policy=dict(type='mmdiffrep.StagedTimestep', highs=[9])),
            'number of ranges of StagedTimestep must be 2, got 1',
        ),
    ],
)
def test_what_does_not_go_together_is_named(kwargs, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build(**kwargs)


FIXED = dict(type='mmdiffrep.FixedTimestep', t=19)


def test_a_timestep_beyond_the_teacher_is_refused():
    build(policy=FIXED).check_timesteps('DPMTeacher', 20)
    with pytest.raises(ValueError, match=r'teacher has 19 timesteps\) must be in .* got 19'):
        build(policy=FIXED).check_timesteps('DPMTeacher', 19)


@pytest.mark.parametrize('policy', [FIXED, REINFORCED])
def test_a_teacher_without_timesteps_leaves_a_policy_nothing_to_choose(policy):
    build(policy=dict(type='mmdiffrep.FixedTimestep', t=0)).check_timesteps('HostTeacher', None)
    reward = LABELED if policy is REINFORCED else None
    with pytest.raises(ValueError, match='HostTeacher has no timesteps.*nothing to choose'):
        build(policy=policy, reward=reward).check_timesteps('HostTeacher', None)
