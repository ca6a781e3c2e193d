# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The parts of a step; the whole is compared with a loop written by hand in
test_hooks/test_repfusion_hook.py."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import BaseDataElement

from mmdiffrep.engine.distillation.step import (
    TeacherRead,
    distillation_losses,
    read_teacher,
    student_features,
)
from mmdiffrep.models.distillers import Layer, RepFusionDistiller
from mmdiffrep.models.rewards import StudentContext, holdout_mask
from mmdiffrep.models.teachers import DPMTeacher
from mmdiffrep.models.timestep_policies import Draws, FixedTimestep, TimestepSample
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.utils.random_streams import IterationStreams

IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
DENSE = dict(type='mmdiffrep.DenseFeatureLoss')
REWARD = dict(type='mmdiffrep.ClassificationReward', num_classes=3)


def samples(count=4):
    return [
        BaseDataElement(gt_label=torch.tensor([i % 3]), metainfo=dict(img_path=f'face_{i}.png'))
        for i in range(count)
    ]


def reinforced(reward=REWARD, num_pairs=1, holdout=0.0, **policy):
    policy = dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=10, **policy)
    return distiller_of(policy, reward, num_pairs, holdout)


def distiller_of(policy, reward=None, num_pairs=1, holdout=0.0):
    torch.manual_seed(0)
    pairs = [dict(loss=DENSE)] * num_pairs
    channels = [[3]] * num_pairs, [5] * num_pairs
    return RepFusionDistiller(pairs, *channels, policy, reward, holdout)


def student_of(count=1):
    return [(torch.randn(4, 3, 2, 2, requires_grad=True),) for _ in range(count)]


def draw(distiller, seed=0):
    policy = distiller.branches[0].policy
    generator = torch.Generator().manual_seed(seed)
    count = 4 * policy.num_samples
    return policy(IMAGES, Draws(torch.rand(count, generator=generator, dtype=torch.float64)))


def losses_of(distiller, student, sample, *draws, data_samples=None, task=None):
    """Losses of a step whose teacher gave one feature per draw and pair."""
    reads = {'': TeacherRead(sample, list(draws))}
    return distillation_losses(distiller, student, reads, data_samples, task or {}, 0.0)


@pytest.mark.parametrize('raw_input', [False, True])
def test_policy_sees_what_the_teacher_gets(raw_input):
    """The exact image, or as in the official code the student's tensor."""
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    pixels = torch.randint(0, 256, (2, 3, 16, 16))
    images = (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    teacher = DPMTeacher(tiny_teacher(), taps=['mid'], mean=mean, std=std, raw_input=raw_input)
    policy, seen = FixedTimestep(t=3), []
    policy.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    teacher.denoiser.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    branch = SimpleNamespace(policy=policy)
    distiller = SimpleNamespace(named_branches=lambda: [('', branch)])
    reads = read_teacher(teacher, distiller, images, IterationStreams(0, 0), progress=0.0)
    expected = images if raw_input else pixels / 127.5 - 1
    torch.testing.assert_close(seen, [expected, expected])
    assert reads[''].sample.t.tolist() == [3, 3]


def test_every_draw_is_read_at_its_own_timestep():
    teacher = DPMTeacher(tiny_teacher(), taps=['mid', 'dec.0'])
    distiller = reinforced(num_samples=2, baseline='leave_one_out')
    images = torch.randint(0, 256, (4, 3, 16, 16)).float()
    sample, draws = read_teacher(teacher, distiller, images, IterationStreams(0, 0), 0.0)['']
    assert len(draws) == 2
    for t, (mid, decoded) in zip(sample.t.split(4), draws):
        alone = teacher(teacher.to_input(images), t)
        torch.testing.assert_close((mid, decoded), alone)


def test_all_policies_are_read_in_one_pass():
    teacher = DPMTeacher(tiny_teacher(), taps=['mid'])
    policies = dict(
        low=dict(type='mmdiffrep.UniformTimestep', high=5),
        many=dict(
            type='mmdiffrep.ReinforcedTimestep',
            num_timesteps=20,
            num_samples=2,
            baseline='leave_one_out',
        ),
    )
    distiller = distiller_of(policies, dict(many=REWARD))
    images = torch.randint(0, 256, (4, 3, 16, 16)).float()
    passes = []
    teacher.register_forward_pre_hook(lambda _, args: passes.append(args))
    reads = read_teacher(teacher, distiller, images, IterationStreams(0, 0), 0.0)
    assert len(passes) == 1 and {name: len(draws) for name, (_, draws) in reads.items()} == dict(
        low=1, many=2
    )
    for sample, draws in reads.values():
        for t, features in zip(sample.t.split(4), draws):
            torch.testing.assert_close(features, teacher(teacher.to_input(images), t))


def test_student_features_are_grouped_by_pair():
    features = [torch.zeros(2, i, requires_grad=True) for i in range(4)]
    taps = SimpleNamespace(layers=[Layer('a')] * 4, take=lambda batch_size: features)
    first, second = student_features(taps, [1, 3], batch_size=2)
    assert len(first) == 1 and first[0] is features[0]
    assert [f.shape[1] for f in second] == [1, 2, 3]


def test_a_feature_without_gradient_is_named():
    taps = SimpleNamespace(layers=[Layer('backbone.layer4')], take=lambda size: [torch.zeros(size)])
    with pytest.raises(RuntimeError, match="student layer 'backbone.layer4' carries no gradient"):
        student_features(taps, [1], batch_size=2)


def test_several_draws_are_averaged():
    distiller = reinforced(baseline='leave_one_out', num_samples=2, entropy=0.0)
    (pair,), student, sample = distiller.pairs, student_of(), draw(distiller)
    first, second = torch.randn(2, 4, 5, 2, 2)
    losses = losses_of(distiller, student, sample, (first,), (second,), data_samples=samples())
    distill = (pair(student[0], first) + pair(student[0], second)) / 2
    torch.testing.assert_close(losses['loss_distill'], distill)
    reward = distiller.branches[0].reward
    task = torch.cat([reward(part, samples()).loss for part in (first, second)])
    torch.testing.assert_close(losses['loss_decoder'], task.mean())
    torch.testing.assert_close(losses['reward'], -task.mean().detach())
    # With two draws the baseline of each is the other: the advantages are opposite.
    difference = (task[4:] - task[:4]).detach()
    log_prob = sample.log_prob[:4] - sample.log_prob[4:]
    torch.testing.assert_close(losses['loss_policy'], -(log_prob * difference).mean() / 2)


def test_held_out_images_reward_and_the_others_train_the_decoder():
    data_samples = samples()
    held = holdout_mask(data_samples, 0.5)
    assert 0 < held.sum() < 4
    distiller = reinforced(holdout=0.5, baseline='none', entropy=0.0)
    sample, feature = draw(distiller), torch.randn(4, 5, 2, 2)
    losses = losses_of(distiller, student_of(), sample, (feature,), data_samples=data_samples)
    task = distiller.branches[0].reward(feature, data_samples).loss
    torch.testing.assert_close(losses['loss_decoder'], task[~held].mean())
    torch.testing.assert_close(losses['reward'], -task[held].mean().detach())
    policy = (sample.log_prob * task.detach())[held].mean()
    torch.testing.assert_close(losses['loss_policy'], policy)


def test_without_a_held_out_image_the_logged_reward_is_that_of_all():
    data_samples = samples()
    distiller = reinforced(holdout=1e-9, baseline='none', entropy=0.0)
    assert distiller.branches[0].holdout and not holdout_mask(data_samples, 1e-9).any()
    sample, feature = draw(distiller), torch.randn(4, 5, 2, 2)
    losses = losses_of(distiller, student_of(), sample, (feature,), data_samples=data_samples)
    reward = distiller.branches[0].reward(feature, data_samples).reward
    torch.testing.assert_close(losses['reward'], reward.mean())
    assert losses['loss_policy'] == 0


def rows_of(sample, rows):
    """The same draws for some of the images."""
    fields = (sample.t, sample.log_prob, sample.entropy, sample.weight, sample.action)
    return TimestepSample(
        *(None if field is None else field[rows] for field in fields), sample.log_probs[rows]
    )


@pytest.mark.parametrize('holdout', [0.0, 0.5])
@pytest.mark.parametrize('baseline', ['none', 'moving_average', 'batch_mean', 'per_timestep'])
def test_images_without_labels_change_nothing(baseline, holdout):
    """Losses, logged means and statistics are those of the labeled images alone."""
    options = dict(baseline=baseline, entropy=0.0, exploration=0.2, standardize_reward=True)
    mixed, alone = (reinforced(holdout=holdout, **options) for _ in range(2))
    for seed in (1, 2):  # the second batch is compared with the first
        feature = torch.randn(4, 5, 2, 2, generator=torch.Generator().manual_seed(seed))
        data_samples, sample, student = samples(), draw(mixed, seed), student_of()
        for index in (0, 3):
            del data_samples[index].gt_label
        some = losses_of(mixed, student, sample, (feature,), data_samples=data_samples)
        rows = [1, 2]
        few = losses_of(
            alone,
            [(student[0][0][rows],)],
            rows_of(sample, rows),
            (feature[rows],),
            data_samples=[data_samples[row] for row in rows],
        )
        for key in ('reward', 'loss_decoder', 'loss_policy'):
            torch.testing.assert_close(some[key], few[key])
    for found, expected in zip(mixed.buffers(), alone.buffers()):
        torch.testing.assert_close(found, expected)


def test_a_batch_without_any_label_teaches_neither_decoder_nor_policy():
    distiller = reinforced(entropy=0.0)
    feature, sample = torch.randn(4, 5, 2, 2), draw(distiller)
    first = losses_of(distiller, student_of(), sample, (feature,), data_samples=samples())
    before = {name: buffer.clone() for name, buffer in distiller.named_buffers()}
    unlabeled = [BaseDataElement() for _ in range(4)]
    losses = losses_of(distiller, student_of(), sample, (feature,), data_samples=unlabeled)
    assert losses['loss_decoder'] == losses['loss_policy'] == 0
    torch.testing.assert_close(losses['reward'], first['reward'])  # the mean so far
    (losses['loss_decoder'] + losses['loss_policy']).backward()
    assert all(p.grad is None or p.grad.abs().sum() == 0 for p in distiller.parameters())
    assert all(buffer.equal(before[name]) for name, buffer in distiller.named_buffers())


def test_an_image_without_a_task_gradient_does_not_count_for_the_student_gain():
    distiller = reinforced(reward=dict(type='mmdiffrep.StudentGainReward'), entropy=0.0)
    student, feature, sample = student_of(), torch.randn(4, 5, 2, 2), draw(distiller)
    weight = torch.tensor([1.0, 0.0, 1.0, 1.0]).view(4, 1, 1, 1)  # image 1 has no label
    task = dict(loss_ce=(student[0][0].square() * weight).sum())
    losses = losses_of(distiller, student, sample, (feature,), task=task)
    distill = distiller.pairs[0](student[0], feature)
    context = StudentContext(student[0], distill, task['loss_ce'])
    output = distiller.branches[0].reward(feature, None, context)
    assert output.counted.tolist() == [True, False, True, True]
    torch.testing.assert_close(losses['reward'], output.reward[[0, 2, 3]].mean())


def test_one_pair_is_compared_and_the_others_stay_in_use():
    policy = dict(type='mmdiffrep.StagedTimestep', highs=[10, 5])
    distiller, student = distiller_of(policy, num_pairs=2), student_of(2)
    teacher = (torch.randn(4, 5, 2, 2), torch.full((4, 5, 2, 2), torch.inf))
    sample = TimestepSample(torch.zeros(4), pair=0)
    losses = losses_of(distiller, student, sample, teacher)
    assert set(losses) == {'loss_distill_0', 'explained_0', 'timestep'}
    expected = distiller.pairs[0](student[0], teacher[0])
    torch.testing.assert_close(losses['loss_distill_0'], expected)
    losses['loss_distill_0'].backward()
    assert student[0][0].grad.abs().sum() > 0
    assert student[1][0].grad is not None and student[1][0].grad.abs().sum() == 0


def test_student_gain_reads_the_task_loss():
    distiller = reinforced(reward=dict(type='mmdiffrep.StudentGainReward'))
    student, feature, sample = student_of(), torch.randn(4, 5, 2, 2), draw(distiller)
    task = dict(loss_ce=student[0][0].square().sum(), acc=torch.tensor(0.5))
    losses = losses_of(distiller, student, sample, (feature,), task=task)
    assert 'loss_decoder' not in losses and -1 <= losses['reward'] <= 1
    with pytest.raises(ValueError, match='no loss of its own'):
        losses_of(distiller, student, sample, (feature,))
