# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiffrep.models.timestep_policies import ReinforcedTimestep, TimestepSample

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
    chance = torch.tensor([0.05, 0.2, 0.45, 0.6])
    sample = policy(IMAGES, uniform=chance)
    assert sample.t.tolist() == [0, 1, 2, 3]  # cumulative: 1/8, 3/8, 4/8, 1
    probs = torch.tensor([1, 2, 1, 4]) / 8
    torch.testing.assert_close(sample.log_prob, probs.log())
    torch.testing.assert_close(sample.entropy, -(probs * probs.log()).sum().expand(4))


@settings(max_examples=40, deadline=None)
@given(
    buckets=st.integers(1, 30),
    chance=st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4),
)
def test_timesteps_stay_inside_their_bucket(buckets, chance):
    torch.manual_seed(0)
    policy = ReinforcedTimestep(num_timesteps=100, num_buckets=buckets)
    sample = policy(IMAGES, uniform=torch.tensor(chance, dtype=torch.float64))
    assert sample.t.min() >= 0 and sample.t.max() <= 99
    log_probs = policy.log_probs(IMAGES)
    bucket = torch.searchsorted(policy.edges, sample.t, right=True) - 1
    torch.testing.assert_close(sample.log_prob, log_probs.gather(1, bucket[:, None])[:, 0])


def test_draws_follow_the_distribution():
    policy = with_logits(ReinforcedTimestep(num_timesteps=3), [0.0, 1.0, 2.0])
    chance = torch.arange(4000, dtype=torch.float64) / 4000
    t = policy(IMAGES[:1].expand(4000, -1, -1, -1), uniform=chance).t
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
    sample = policy(IMAGES, uniform=torch.tensor([0.1, 0.1, 0.9, 0.9]))
    reward = torch.where(sample.t == 1, 1.0, -1.0)
    policy.loss(sample, reward, progress=0.0)['loss_policy'].backward()
    gradient = policy.net.classifier[-1].bias.grad
    assert gradient[1] < 0 < gradient[0]


def test_moving_average_baseline():
    policy = ReinforcedTimestep(num_timesteps=2, entropy=0.0, baseline_momentum=0.5)
    sample = TimestepSample(torch.zeros(2), torch.tensor([-1.0, -1.0]), torch.zeros(2))
    # The first batch is its own baseline, the second is compared with the first.
    assert policy.loss(sample, torch.tensor([-4.0, -4.0]), progress=0)['loss_policy'] == 0
    assert policy.loss(sample, torch.tensor([-2.0, -2.0]), progress=0)['loss_policy'] == 2.0
    assert policy.mean_reward.item() == -3.0


def test_baseline_is_part_of_the_state():
    policy = ReinforcedTimestep(num_timesteps=2)
    assert {'mean_reward', 'num_rewards'} <= set(policy.state_dict())


def test_policy_finds_the_rewarded_timestep():
    torch.manual_seed(0)
    policy = ReinforcedTimestep(num_timesteps=20, entropy=0.05)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    images = torch.randn(32, 3, 16, 16)
    for step in range(300):
        sample = policy(images)
        reward = -(sample.t - 13).abs() / 20
        optimizer.zero_grad()
        policy.loss(sample, reward, progress=step / 300)['loss_policy'].backward()
        optimizer.step()
    mass = policy.log_probs(images).exp().mean(0)
    assert mass[12:15].sum() > 0.8


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(num_buckets=2000), 'num_buckets'),
        (dict(baseline='critic'), 'moving_average'),
        (dict(baseline_momentum=0.0), 'baseline_momentum'),
        (dict(entropy_until=2.0), 'entropy_until'),
    ],
)
def test_bad_arguments_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ReinforcedTimestep(**kwargs)
