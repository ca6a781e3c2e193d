# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import copy
import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmdiffrep.engine.distillation.side_optimizer import SideOptimizer
from mmdiffrep.models.timestep_policies import Draws, ReinforcedTimestep, TimestepSample

IMAGES = torch.linspace(-1, 1, 4 * 3 * 16 * 16).view(4, 3, 16, 16)


def with_logits(policy, logits):
    """Makes the network return the same logits for every image."""
    last = policy.net.classifier[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.as_tensor(logits))
    return policy


def test_sample_has_log_prob_and_entropy_of_the_distribution():
    policy = with_logits(ReinforcedTimestep(num_timesteps=4), [0.0, math.log(2), 0.0, math.log(4)])
    sample = policy(IMAGES, Draws(torch.tensor([0.05, 0.2, 0.45, 0.6])))
    assert sample.t.tolist() == [0, 1, 2, 3]  # cumulative: 1/8, 3/8, 4/8, 1
    probs = torch.tensor([1, 2, 1, 4]) / 8
    torch.testing.assert_close(sample.log_prob, probs.log())
    torch.testing.assert_close(sample.entropy, -(probs * probs.log()).sum().expand(4))


@settings(max_examples=40, deadline=None)
@given(
    buckets=st.integers(1, 30),
    uniforms=st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4),
)
def test_timesteps_stay_inside_their_bucket(buckets, uniforms):
    torch.manual_seed(0)
    policy = ReinforcedTimestep(num_timesteps=100, num_buckets=buckets)
    sample = policy(IMAGES, Draws(torch.tensor(uniforms, dtype=torch.float64)))
    assert sample.t.min() >= 0 and sample.t.max() <= 99
    log_probs = policy.log_probs(IMAGES)
    bucket = torch.searchsorted(policy.lows, sample.t, right=True) - 1
    torch.testing.assert_close(sample.log_prob, log_probs.gather(1, bucket[:, None])[:, 0])


def test_draws_follow_the_distribution():
    policy = with_logits(ReinforcedTimestep(num_timesteps=3), [0.0, 1.0, 2.0])
    uniforms = torch.arange(4000, dtype=torch.float64) / 4000
    t = policy(IMAGES[:1].expand(4000, -1, -1, -1), Draws(uniforms)).t
    expected = torch.tensor([0.0, 1.0, 2.0]).softmax(0)
    torch.testing.assert_close(t.bincount() / 4000, expected, atol=1e-3, rtol=0)


def test_loss_equals_the_formula():
    policy = ReinforcedTimestep(baseline='none', entropy=0.1, entropy_until=0.5)
    sample = TimestepSample(
        t=torch.tensor([1, 2]),
        log_prob=torch.tensor([-1.0, -3.0]),
        entropy=torch.tensor([2.0, 4.0]),
    )
    losses = policy.loss(sample, torch.tensor([-0.5, -1.5]), progress=0.25)
    reinforce = -((-1.0) * (-0.5) + (-3.0) * (-1.5)) / 2
    assert losses['loss_policy'].item() == pytest.approx(reinforce - 0.05 * 3.0)
    assert policy.loss(sample, torch.zeros(2), progress=0.6)['loss_policy'].item() == 0.0


def test_gradient_raises_the_probability_of_what_was_rewarded():
    policy = with_logits(ReinforcedTimestep(num_timesteps=2, entropy=0.0), [0.0, 0.0])
    sample = policy(IMAGES, Draws(torch.tensor([0.1, 0.1, 0.9, 0.9])))
    reward = torch.where(sample.t == 1, 1.0, -1.0)
    policy.loss(sample, reward, progress=0.0)['loss_policy'].backward()
    gradient = policy.net.classifier[-1].bias.grad
    assert gradient[1] < 0 < gradient[0]


def test_moving_average_baseline():
    policy = ReinforcedTimestep(
        num_timesteps=2, entropy=0.0, baseline='moving_average', baseline_momentum=0.5
    )
    sample = TimestepSample(torch.zeros(2), torch.tensor([-1.0, -1.0]), torch.zeros(2))
    # The first batch is its own baseline, the second is compared with the first.
    assert policy.loss(sample, torch.tensor([-4.0, -4.0]), progress=0)['loss_policy'] == 0
    assert policy.loss(sample, torch.tensor([-2.0, -2.0]), progress=0)['loss_policy'] == 2.0
    assert policy.statistics.mean.item() == -3.0


def test_batch_mean_baseline_keeps_up_with_rewards_that_rise():
    """Where a moving mean takes every draw for a good one."""
    sample = TimestepSample(torch.zeros(3), torch.tensor([-1.0, -1.0, -1.0]), torch.zeros(3))
    losses = {}
    for baseline in ('batch_mean', 'moving_average'):
        policy = ReinforcedTimestep(num_timesteps=2, entropy=0.0, baseline=baseline)
        for reward in (-9.0, -6.0, -3.0):
            loss = policy.loss(sample, torch.full((3,), reward), progress=0)['loss_policy']
        losses[baseline] = loss.item()
    assert losses['batch_mean'] == 0 and losses['moving_average'] > 5


def test_all_but_the_baseline_is_official_by_default():
    policy = ReinforcedTimestep()
    assert policy.baseline == 'batch_mean'
    assert (policy.num_actions, policy.num_samples, policy.entropy) == (1000, 1, 0.1)
    assert policy.warmup == policy.exploration == 0 and not policy.standardize_reward


def test_batch_mean_is_that_of_the_others_that_count():
    policy = ReinforcedTimestep(num_timesteps=2, entropy=0.0, baseline='batch_mean')
    log_prob = torch.tensor([-1.0, 0.0, 0.0, 0.0])
    weight = torch.tensor([1.0, 3.0, 1.0, 1.0])
    sample = TimestepSample(torch.zeros(4), log_prob, torch.zeros(4), weight=weight)
    reward, counted = torch.tensor([5.0, 1.0, 3.0, 1e6]), torch.tensor([True] * 3 + [False])
    loss = policy.loss(sample, reward, progress=0, counted=counted)['loss_policy']
    assert loss.item() == pytest.approx((5.0 - (3 * 1.0 + 3.0) / 4) / 3)


def test_policy_rests_while_it_warms_up():
    policy = ReinforcedTimestep(num_timesteps=2, baseline='none', warmup=0.4, entropy_until=0.8)
    weight = policy.net.classifier[-1].weight
    connector = nn.Linear(1, 1)  # something else that learns all along
    module = nn.ModuleList([policy, connector])
    optimizer = SideOptimizer(module, dict(type='AdamW', lr=1e-3, weight_decay=0.1))
    for progress, learns in ((0.0, False), (0.39, False), (0.4, True)):
        before = weight.detach().clone()
        sample = policy(IMAGES, Draws(torch.tensor([0.1, 0.1, 0.9, 0.9]), progress=progress))
        losses = policy.loss(sample, torch.tensor([-1.0, -2.0, -3.0, -4.0]), progress=progress)
        (losses['loss_policy'] + connector.weight.sum()).backward()
        optimizer._synchronize()
        optimizer.optimizer.step()
        optimizer.zero_grad()
        assert losses['policy_entropy'] > 0
        # The first step is one of Adam's first: at most the learning rate, and weight decay.
        moved = (weight - before).abs().max()
        assert 5e-4 < moved < 1.2e-3 if learns else moved == 0
    assert policy.statistics.num_batches == 3  # the reward is measured all along


def test_entropy_bonus_begins_after_the_warm_up():
    policy = ReinforcedTimestep(num_timesteps=2, entropy=0.1, warmup=0.4, entropy_until=0.8)
    sample = TimestepSample(torch.zeros(2), torch.zeros(2), torch.tensor([2.0, 4.0]))
    for progress, coefficient in ((0.4, 0.1), (0.6, 0.05), (0.8, 0.0), (1.0, 0.0)):
        loss = policy.loss(sample, torch.zeros(2), progress=progress)['loss_policy']
        assert loss.item() == pytest.approx(-coefficient * 3.0)


def test_baseline_is_part_of_the_state():
    policy = ReinforcedTimestep(num_timesteps=2)
    assert {'statistics.mean', 'statistics.num_batches'} <= set(policy.state_dict())


LOGITS = [0.3, -0.2, 0.9]
REWARDS = torch.tensor([-1.0, -2.5, -0.3])


def expected_gradient(policy, num_images=2):
    """Mean gradient of the logits over all draws, each with its probability under mu.

    The images draw the same; under `batch_mean`, which compares them, each draws for itself.
    """
    policy = with_logits(policy, LOGITS)
    policy.statistics.num_batches.fill_(1)
    policy.statistics.mean.fill_(-1.7)
    policy.statistics.square.fill_(1.7**2 + 4.0)  # standard deviation 2
    if policy.baseline == 'per_timestep':
        policy.statistics.offset.copy_(torch.tensor([0.4, -0.6, 1.0]))
    probs = torch.tensor(LOGITS).softmax(0).double()
    behavior = (1 - policy.exploration) * probs + policy.exploration / 3
    middles = behavior.cumsum(0) - behavior / 2
    total = torch.zeros(3)
    copies = 1 if policy.baseline == 'batch_mean' else num_images
    for actions in itertools.product(range(3), repeat=policy.num_samples * num_images // copies):
        one = copy.deepcopy(policy)
        uniform = middles[list(actions)].repeat_interleave(copies)
        sample = one(IMAGES[:num_images], Draws(uniform))
        assert sample.action[::copies].tolist() == list(actions)
        one.loss(sample, REWARDS[sample.action], progress=0.0)['loss_policy'].backward()
        weight = behavior[list(actions)].prod().float()
        total += weight * one.net.classifier[-1].bias.grad
    return total


@pytest.mark.parametrize('exploration', [0.0, 0.3])
@pytest.mark.parametrize(
    'kwargs',
    [
        dict(baseline='none'),
        dict(baseline='moving_average'),
        dict(baseline='batch_mean'),
        dict(baseline='batch_mean', num_samples=2),
        dict(baseline='per_timestep'),
        dict(baseline='leave_one_out', num_samples=2),
        dict(baseline='per_timestep', num_samples=2),
        # A new reward hardly moves their deviation, which is 2.
        dict(
            baseline='leave_one_out',
            num_samples=2,
            standardize_reward=True,
            baseline_momentum=1e-9,
        ),
    ],
)
def test_gradient_is_that_of_the_expected_reward(kwargs, exploration):
    """Whatever the baseline and whoever draws."""
    policy = ReinforcedTimestep(num_timesteps=3, entropy=0.0, exploration=exploration, **kwargs)
    logits = torch.tensor(LOGITS, requires_grad=True)
    scale = 0.5 if kwargs.get('standardize_reward') else 1.0
    (-(logits.softmax(0) * REWARDS).sum() * scale).backward()
    torch.testing.assert_close(expected_gradient(policy), logits.grad, atol=1e-5, rtol=1e-4)


def test_exploration_weighs_by_pi_over_mu():
    policy = with_logits(
        ReinforcedTimestep(num_timesteps=2, exploration=0.5), [math.log(9), math.log(1)]
    )
    sample = policy(IMAGES, Draws(torch.tensor([0.1, 0.69, 0.71, 0.9])))  # mu = (0.7, 0.3)
    assert sample.t.tolist() == [0, 0, 1, 1]
    torch.testing.assert_close(sample.weight, torch.tensor([9 / 7, 9 / 7, 1 / 3, 1 / 3]))
    torch.testing.assert_close(sample.log_prob.exp(), torch.tensor([0.9, 0.9, 0.1, 0.1]))
    assert not sample.weight.requires_grad


def test_several_draws_come_draw_by_draw():
    policy = with_logits(ReinforcedTimestep(num_timesteps=10, num_samples=3), [0.0] * 10)
    uniform = torch.linspace(0.01, 0.99, 12, dtype=torch.float64)
    sample = policy(IMAGES, Draws(uniform))
    assert sample.t.tolist() == (uniform * 10).long().tolist()
    assert sample.log_prob.shape == sample.action.shape == (12,) and sample.entropy.shape == (4,)


def test_leave_one_out_compares_with_the_other_draws_of_the_image():
    policy = ReinforcedTimestep(num_timesteps=3, baseline='leave_one_out', num_samples=3, entropy=0)
    sample = TimestepSample(torch.zeros(6), torch.full((6,), -1.0), torch.zeros(2))
    reward = torch.tensor([1.0, 10.0, 2.0, 20.0, 6.0, 60.0])  # images 1, 2, 1, 2, 1, 2
    advantage = torch.tensor([1 - 4, 10 - 40, 2 - 3.5, 20 - 35, 6 - 1.5, 60 - 15.0])
    loss = policy.loss(sample, reward, progress=0)['loss_policy']
    torch.testing.assert_close(loss, advantage.mean())


def test_rewards_that_do_not_count_change_nothing():
    policy = ReinforcedTimestep(num_timesteps=2, entropy=0.0, baseline='none')
    sample = TimestepSample(torch.zeros(2), torch.tensor([-1.0, -3.0]), torch.zeros(2))
    counted = torch.tensor([True, False])
    loss = policy.loss(sample, torch.tensor([-4.0, 1e6]), progress=0, counted=counted)
    assert loss['loss_policy'] == -4.0 and policy.statistics.mean == -4.0
    none = policy.loss(sample, torch.ones(2), progress=0, counted=torch.zeros(2).bool())
    assert none['loss_policy'] == 0.0 and policy.statistics.num_batches == 1


@pytest.mark.parametrize(
    'baseline', ['moving_average', 'batch_mean', 'per_timestep', 'leave_one_out']
)
def test_images_that_do_not_count_have_no_gradient(baseline):
    policy = ReinforcedTimestep(5, baseline=baseline, num_samples=2, entropy=0.0)
    counted = torch.tensor([True, False, False, True]).repeat(2)
    for _ in range(2):  # the first batch is its own baseline
        sample = policy(IMAGES, Draws(torch.linspace(0, 0.99, 8)))
        sample.log_probs.retain_grad()
        losses = policy.loss(sample, torch.randn(8), progress=0, counted=counted)
        losses['loss_policy'].backward()
    touched = sample.log_probs.grad.abs().sum(dim=1) > 0
    assert touched.tolist() == [True, False, False, True]


def test_two_first_rewards_cannot_throw_a_standardized_policy_off():
    """As with a held-out image in each of the first batches."""
    policy = ReinforcedTimestep(num_timesteps=2, entropy=0.0, standardize_reward=True)
    sample = TimestepSample(torch.zeros(1), torch.tensor([-1.0]), torch.zeros(1))
    assert policy.loss(sample, torch.tensor([-2.0]), progress=0)['loss_policy'] == 0
    loss = policy.loss(sample, torch.tensor([-2.5]), progress=0)['loss_policy']
    assert loss.item() == pytest.approx(-1 / 0.3)


def test_probability_of_every_timestep_spreads_over_its_bucket():
    policy = with_logits(ReinforcedTimestep(num_timesteps=5, num_buckets=2), [0.0, math.log(3)])
    probs = policy.timestep_probs(IMAGES[:1])[0]
    torch.testing.assert_close(probs, torch.tensor([1 / 8, 1 / 8, 1 / 4, 1 / 4, 1 / 4]))


def test_more_draws_than_images_are_refused():
    policy = ReinforcedTimestep(baseline='leave_one_out', num_samples=5)
    with pytest.raises(ValueError, match='num_samples=5 draws per image.*4 images'):
        policy(IMAGES, Draws(torch.rand(20)))


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(num_buckets=2000), 'num_buckets'),
        (dict(baseline='critic'), 'moving_average'),
        (dict(warmup=1.0), r'warmup must be in \[0, 1\)'),
        (dict(warmup=0.5), r'entropy_until \(above warmup\) must be in \(0.5, 1\]'),
        (dict(baseline_momentum=0.0), 'baseline_momentum'),
        (dict(entropy_until=2.0), 'entropy_until'),
        (dict(baseline='leave_one_out'), 'num_samples of at least 2'),
        (dict(num_buckets=4, num_samples=5), r'num_samples .* must be in \[1, 4\]'),
        (dict(num_samples=0), 'num_samples'),
        (dict(exploration=1.0), 'exploration'),
    ],
)
def test_bad_arguments_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ReinforcedTimestep(**kwargs)


def test_given_timesteps_are_the_actions():
    torch.manual_seed(0)
    policy = ReinforcedTimestep(num_timesteps=20, timesteps=[2, 9, 16])
    t = policy(IMAGES, Draws(torch.rand(len(IMAGES), dtype=torch.float64))).t
    assert set(t.tolist()) <= {2, 9, 16} and policy.timesteps == (2, 9, 16)
    assert policy.max_timestep == 16 and policy.num_actions == 3
    probs = policy.timestep_probs(IMAGES[:1])[0]
    assert probs.nonzero().flatten().tolist() == [2, 9, 16]
    torch.testing.assert_close(probs.sum(), torch.tensor(1.0))
    assert ReinforcedTimestep(num_timesteps=20, num_buckets=3).timesteps == tuple(range(20))


@pytest.mark.parametrize(
    ('timesteps', 'buckets'), [([9, 2], None), ([2, 20], None), ([], None), ([2, 9], 2)]
)
def test_timesteps_that_cannot_be_actions_are_refused(timesteps, buckets):
    with pytest.raises(ValueError, match='timesteps'):
        ReinforcedTimestep(num_timesteps=20, num_buckets=buckets, timesteps=timesteps)
