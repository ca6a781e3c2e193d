# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from mmdiffrep.models.rewards import InstanceDiscriminationReward


def maps(vectors):
    """Vectors (B, C) as maps of two pixels whose mean they are."""
    vectors = torch.tensor(vectors)
    return torch.stack([vectors + 1, vectors - 1], dim=2)[..., None]


def test_equals_info_nce_by_hand():
    feature = maps([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    rewarded = InstanceDiscriminationReward(2, temperature=0.5)(feature)
    # Cosines of the first image: 1, 0, -1.
    first = 2.0 - math.log(math.exp(2) + math.exp(0) + math.exp(-2))
    second = 2.0 - math.log(math.exp(2) + 2 * math.exp(0))
    expected = torch.tensor([first, second, first])
    torch.testing.assert_close(rewarded.reward, expected)
    assert rewarded.loss is None


def test_equal_features_earn_least_and_opposite_ones_most():
    reward = InstanceDiscriminationReward(2)
    same = reward(maps([[1.0, 1.0]] * 4)).reward
    torch.testing.assert_close(same, torch.full((4,), -math.log(4)))
    spread = reward(maps([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])).reward
    assert (spread > -1e-3).all()


def test_without_projection_nothing_is_trained_and_no_labels_are_read():
    reward = InstanceDiscriminationReward(4)
    assert not reward.learns and not reward.needs_task
    assert reward(torch.randn(3, 4, 2, 2), None).reward.shape == (3,)


def test_projection_learns_to_take_out_a_common_mean():
    torch.manual_seed(0)
    reward = InstanceDiscriminationReward(8, projection=8)
    feature = torch.randn(16, 8, 1, 1) + 10.0
    optimizer = torch.optim.Adam(reward.parameters(), lr=0.02)
    before = reward(feature).reward.mean()
    for _ in range(50):
        optimizer.zero_grad()
        reward(feature).loss.mean().backward()
        optimizer.step()
    assert reward.learns and reward(feature).reward.mean() > before + 1


def test_no_gradient_into_the_feature():
    feature = torch.randn(3, 4, 2, 2, requires_grad=True)
    rewarded = InstanceDiscriminationReward(4, projection=2)(feature)
    rewarded.loss.sum().backward()
    assert feature.grad is None and not rewarded.reward.requires_grad


def test_one_image_cannot_be_told_from_others():
    with pytest.raises(ValueError, match='at least 2 in a batch, got 1'):
        InstanceDiscriminationReward(4)(torch.randn(1, 4, 2, 2))


@pytest.mark.parametrize('kwargs', [dict(temperature=0.0), dict(projection=0)])
def test_bad_arguments_are_named(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        InstanceDiscriminationReward(4, **kwargs)
