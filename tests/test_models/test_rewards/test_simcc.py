# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData

from mmdiffrep.engine.distillation.host_model import reward_of
from mmdiffrep.models.rewards import SimCCReward

K, WIDTH, HEIGHT = 3, 8, 6


def samples(x, y, weights):
    return [
        BaseDataElement(
            gt_instance_labels=InstanceData(
                keypoint_x_labels=x[i : i + 1],
                keypoint_y_labels=y[i : i + 1],
                keypoint_weights=weights[i : i + 1],
            )
        )
        for i in range(len(x))
    ]


def labels(batch=2):
    return torch.rand(batch, K, WIDTH), torch.rand(batch, K, HEIGHT)


def test_it_is_the_divergence_of_the_marginals_from_the_labels():
    reward = SimCCReward(4, num_keypoints=K)
    feature = torch.randn(2, 4, HEIGHT, WIDTH)
    x, y = labels()
    weights = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    loss = reward(feature, samples(x, y, weights)).loss

    maps = reward.decoder(feature)
    pixels = maps.flatten(2).softmax(dim=2).view_as(maps)
    error = 0
    for marginal, target in ((pixels.sum(2), x), (pixels.sum(3), y)):
        target = target / target.sum(2, keepdim=True)
        error = error + (target * (target.log() - marginal.log())).sum(2)
    expected = torch.stack([(error[0, 0] + error[0, 2]) / 2, torch.tensor(0.0)])
    torch.testing.assert_close(loss, expected)
    assert torch.equal(reward(feature, samples(x, y, weights)).reward, -loss.detach())


def test_maps_of_another_size_learn_the_position():
    """A decoder that sees the position can bring the error down to that of the resolution."""
    reward = SimCCReward(16, num_keypoints=1)
    feature = torch.eye(16).view(1, 16, 4, 4)
    x = torch.zeros(1, 1, 16)
    x[..., 9:12] = torch.tensor([0.5, 1.0, 0.5])
    sample = samples(x, x, torch.ones(1, 1))
    optimizer = torch.optim.Adam(reward.parameters(), lr=0.05)
    first = reward(feature, sample).loss.item()
    for _ in range(60):
        optimizer.zero_grad()
        reward(feature, sample).loss.sum().backward()
        optimizer.step()
    assert reward(feature, sample).loss.item() < 0.5 * first


def test_targets_of_another_head_are_named():
    reward = SimCCReward(4, num_keypoints=K)
    feature = torch.randn(2, 4, 4, 4)
    x, y = labels()
    with pytest.raises(ValueError, match='num_keypoints of the labels must be 5, got 3'):
        SimCCReward(4, num_keypoints=5)(feature, samples(x, y, torch.ones(2, K)))
    hard = samples(x, y, torch.ones(2, K))
    for sample in hard:
        sample.gt_instance_labels.keypoint_x_labels = torch.zeros(1, K)
    with pytest.raises(ValueError, match="needs `keypoint_x_labels` .* smoothing_type='gaussian'"):
        reward(feature, hard)
    heatmap = [BaseDataElement(gt_instance_labels=InstanceData(keypoint_weights=torch.ones(1, K)))]
    with pytest.raises(ValueError, match='needs `keypoint_x_labels`'):
        reward(feature[:1], heatmap)
    with pytest.raises(ValueError, match='needs `gt_instance_labels` in the data samples'):
        SimCCReward(4, num_keypoints=K)(feature[:1], [BaseDataElement()])


def test_it_is_found_for_a_simcc_head():
    model = torch.nn.Module()
    model.head = torch.nn.Module()
    model.head.out_channels, model.head.simcc_split_ratio = K, 2.0
    assert reward_of(model) == dict(type='mmdiffrep.SimCCReward', num_keypoints=K)
