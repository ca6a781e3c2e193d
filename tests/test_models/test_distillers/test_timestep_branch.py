# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import BaseDataElement
from torch import nn

from mmdiffrep.models.distillers import FeaturePair, Reading, TimestepBranch
from mmdiffrep.models.rewards import held_out
from mmdiffrep.models.timestep_policies import TimestepSample

IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
REWARD = dict(type='mmdiffrep.ClassificationReward', num_classes=3)


def samples(count=4):
    return [
        BaseDataElement(gt_label=torch.tensor([i % 3]), metainfo=dict(img_path=f'face_{i}.png'))
        for i in range(count)
    ]


def branch_of(reward=None, holdout=0.0, **policy):
    policy = dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=10, **policy)
    return TimestepBranch(policy, reward or REWARD, in_channels=5, holdout=holdout)


def pairs_of(count=1):
    torch.manual_seed(0)
    loss = dict(type='mmdiffrep.DenseFeatureLoss')
    return nn.ModuleList(FeaturePair([3], 5, loss=loss) for _ in range(count))


def student_of(count=1):
    return [(torch.randn(4, 3, 2, 2, requires_grad=True),) for _ in range(count)]


def test_several_draws_are_averaged():
    branch = branch_of(baseline='leave_one_out', num_samples=2, entropy=0.0)
    pairs, student = pairs_of(), student_of()
    sample, features = branch.policy(IMAGES), torch.randn(8, 5, 2, 2)
    losses = branch(pairs, student, Reading(sample, (features,)), samples(), 0.0)
    first, second = features.chunk(2)
    distill = (pairs[0](student[0], first) + pairs[0](student[0], second)) / 2
    torch.testing.assert_close(losses['loss_distill'], distill)
    task = torch.cat([branch.reward(part, samples()).loss for part in (first, second)])
    torch.testing.assert_close(losses['loss_decoder'], task.mean())
    torch.testing.assert_close(losses['reward'], -task.mean().detach())
    # With two draws the baseline of one is the other: the advantages are opposite.
    difference = (task[4:] - task[:4]).detach()
    log_prob = sample.log_prob[:4] - sample.log_prob[4:]
    torch.testing.assert_close(losses['loss_policy'], -(log_prob * difference).mean() / 2)


def test_held_out_images_reward_and_the_others_train_the_decoder():
    data_samples = samples()
    held = held_out(data_samples, 0.5)
    assert 0 < held.sum() < 4
    branch = branch_of(holdout=0.5, baseline='none', entropy=0.0)
    sample, features = branch.policy(IMAGES), torch.randn(4, 5, 2, 2)
    losses = branch(pairs_of(), student_of(), Reading(sample, (features,)), data_samples, 0.0)
    task = branch.reward(features, data_samples).loss
    torch.testing.assert_close(losses['loss_decoder'], task[~held].mean())
    torch.testing.assert_close(losses['reward'], -task[held].mean().detach())
    policy = (sample.log_prob * task.detach())[held].mean()
    torch.testing.assert_close(losses['loss_policy'], policy)


def test_without_a_held_out_image_the_logged_reward_is_that_of_all():
    data_samples = samples()
    branch = branch_of(holdout=1e-9, baseline='none', entropy=0.0)
    assert branch.holds_out and not held_out(data_samples, 1e-9).any()
    features = torch.randn(4, 5, 2, 2)
    reading = Reading(branch.policy(IMAGES), (features,))
    losses = branch(pairs_of(), student_of(), reading, data_samples, 0.0)
    torch.testing.assert_close(
        losses['reward'], branch.reward(features, data_samples).reward.mean()
    )
    assert losses['loss_policy'] == 0


def test_one_pair_is_compared_and_the_others_stay_in_use():
    policy = dict(type='mmdiffrep.StagedTimestep', highs=[10, 5])
    branch = TimestepBranch(policy, None, in_channels=5)
    pairs, student = pairs_of(2), student_of(2)
    teacher = (torch.randn(4, 5, 2, 2), torch.full((4, 5, 2, 2), torch.inf))
    sample = TimestepSample(torch.zeros(4), pair=0)
    losses = branch(pairs, student, Reading(sample, teacher), None, 0.0)
    assert set(losses) == {'loss_distill_0', 'timestep'}
    torch.testing.assert_close(losses['loss_distill_0'], pairs[0](student[0], teacher[0]))
    losses['loss_distill_0'].backward()
    assert student[0][0].grad.abs().sum() > 0
    assert student[1][0].grad is not None and student[1][0].grad.abs().sum() == 0


def test_student_gain_reads_the_task_loss():
    branch = branch_of(reward=dict(type='mmdiffrep.StudentGainReward'))
    student, features = student_of(), torch.randn(4, 5, 2, 2)
    reading = Reading(branch.policy(IMAGES), (features,))
    task = student[0][0].square().sum()
    losses = branch(pairs_of(), student, reading, None, 0.0, task)
    assert 'loss_decoder' not in losses and -1 <= losses['reward'] <= 1
    with pytest.raises(ValueError, match='no loss of its own'):
        branch(pairs_of(), student, reading, None, 0.0)
