# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.timestep_policies import RewardStatistics

ALL = torch.ones(2, dtype=torch.bool)


def test_mean_is_that_before_the_batch_and_deviation_that_with_it():
    statistics = RewardStatistics(momentum=0.5)
    first = statistics.update(torch.tensor([1.0, 3.0]), ALL)
    assert first.mean == 2.0 and first.std == 1.0 and first.count == 2
    second = statistics.update(torch.tensor([4.0, 4.0]), ALL)
    # Mean square (5 + 16) / 2, minus the squared mean.
    assert second.mean == 2.0 and second.std.item() == pytest.approx((10.5 - 9) ** 0.5)
    third = statistics.update(torch.tensor([0.0, 0.0]), ALL)
    assert third.mean == 3.0 and third.std.item() == pytest.approx((5.25 - 2.25) ** 0.5)


def test_deviation_is_not_that_of_a_single_reward():
    statistics = RewardStatistics(momentum=0.1)
    statistics.update(torch.tensor([2.0]), ALL[:1])
    assert statistics.update(torch.tensor([3.0]), ALL[:1]).std.item() == pytest.approx(0.3)


def test_weights_make_the_mean_that_of_the_policy():
    weight = torch.tensor([1.5, 0.5])
    known = RewardStatistics(0.1).update(torch.tensor([2.0, -2.0]), ALL, weight)
    assert known.mean == 1.0


def test_offset_of_an_action_is_measured_from_the_mean():
    statistics = RewardStatistics(momentum=0.1, num_actions=3)
    action = torch.tensor([0, 2])
    first = statistics.update(torch.tensor([1.0, 3.0]), ALL, action=action)
    assert first.offset.tolist() == [0, 0, 0]
    second = statistics.update(torch.tensor([2.0, 2.0]), ALL, action=action)
    assert second.offset.tolist() == [-1.0, 0.0, 1.0]
    # The second time is averaged with the first, not weighed with the momentum.
    third = statistics.update(torch.tensor([2.0, 2.0]), ALL, action=action)
    assert third.offset.tolist() == [-0.5, 0.0, 0.5]


def test_every_reward_has_the_mean_of_the_others():
    statistics = RewardStatistics(momentum=0.1)
    counted = torch.tensor([True, True, True, False])
    known = statistics.update(torch.tensor([1.0, 2.0, 6.0, 9.0]), counted)
    assert known.others.tolist() == [4.0, 3.5, 1.5, 3.0]
    alone = statistics.update(torch.tensor([5.0, 9.0]), torch.tensor([True, False]))
    assert alone.others.tolist() == [3.0, 5.0]  # the mean before; that of the batch


def test_nothing_that_counts_changes_nothing():
    statistics = RewardStatistics(momentum=0.1, num_actions=2)
    none = torch.zeros(2, dtype=torch.bool)
    statistics.update(torch.tensor([5.0, 5.0]), none, action=torch.tensor([0, 1]))
    known = statistics.update(torch.tensor([1.0, 3.0]), ALL, action=torch.tensor([0, 1]))
    assert known.mean == 2.0 and statistics.num_seen.tolist() == [1, 1]


def test_constant_rewards_have_a_small_positive_deviation():
    assert RewardStatistics(0.1).update(torch.tensor([2.0, 2.0]), ALL).std > 0


def test_state_is_saved():
    names = set(RewardStatistics(0.1, num_actions=2).state_dict())
    assert names == {'mean', 'square', 'num_batches', 'offset', 'num_seen'}
