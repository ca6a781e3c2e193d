# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from torch import nn

from mmdiffrep.measures import ProbeTraining, fit_grid_probe


def task(widths, images=40, views=1, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % classes
    features = [torch.randn(views, images, width, generator=generator) for width in widths]
    for feature in features:
        feature[..., 0] += 3.0 * labels
    return features, labels


def test_heads_together_are_the_heads_alone():
    features, labels = task([4, 6, 4, 5], views=2)
    training = ProbeTraining(epochs=3, batch_size=16, seeds=(0, 7), min_steps=0)
    together = fit_grid_probe(features, labels, 3, training)
    for index, feature in enumerate(features):
        for place, seed in enumerate(training.seeds):
            alone = fit_grid_probe(
                [feature],
                labels,
                3,
                ProbeTraining(epochs=3, batch_size=16, seeds=(seed,), min_steps=0),
            )
            weight, bias = alone.heads[(0,)]
            members = next(group for group in together.heads if index in group)
            stacked = [part[place, members.index(index)] for part in together.heads[members]]
            torch.testing.assert_close(stacked[0], weight[0, 0], rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(stacked[1], bias[0, 0], rtol=1e-4, atol=1e-6)


def test_a_head_is_trained_as_torch_would():
    (feature,), labels = task([5])
    training = ProbeTraining(epochs=4, batch_size=16, lr=0.01, min_steps=0, standardize=False)
    weight, bias = fit_grid_probe([feature], labels, 3, training).heads[(0,)]

    linear = nn.Linear(5, 3)
    values = (torch.rand(3, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1) / math.sqrt(5)
    linear.weight.data, linear.bias.data = values[:, :-1].clone(), values[:, -1].clone()
    optimizer = torch.optim.Adam(linear.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        order = torch.randperm(40, generator=generator)
        torch.randint(1, (40,), generator=generator)
        for chosen in order.split(16):
            optimizer.zero_grad()
            nn.functional.cross_entropy(linear(feature[0, chosen]), labels[chosen]).backward()
            optimizer.step()
        scheduler.step()
    torch.testing.assert_close(weight[0, 0], linear.weight.detach(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(bias[0, 0], linear.bias.detach(), rtol=1e-4, atol=1e-6)


def test_accuracy_tells_features_with_and_without_the_class_apart():
    (good, noise), labels = task([4, 4], images=120)
    noise[..., 0] -= 3.0 * labels
    probe = fit_grid_probe(
        [good, noise], labels, 3, ProbeTraining(lr=0.05, seeds=(0, 1), batch_size=32)
    )
    accuracy = probe.accuracy([good[0], noise[0]], labels)
    assert accuracy.shape == (2, 2)
    assert accuracy[0].min() > 0.85 > 0.6 > accuracy[1].max()


def test_standardized_heads_do_not_see_scale_and_shift():
    (feature,), labels = task([4])
    training = ProbeTraining(epochs=2, batch_size=16)
    first, second = (
        fit_grid_probe([x], labels, 3, training).predict([x[0]])
        for x in (feature, feature * 100 + 5)
    )
    assert torch.equal(first, second)


def test_constant_and_half_precision_features_do_no_harm():
    (feature,), labels = task([4])
    feature[..., 3] = 7.0
    training = ProbeTraining(epochs=2, batch_size=16)
    wide = fit_grid_probe([feature.half().float()], labels, 3, training)
    half = fit_grid_probe([feature.half()], labels, 3, training)
    assert torch.equal(wide.heads[(0,)][0], half.heads[(0,)][0])
    assert wide.heads[(0,)][0].isfinite().all()


def test_each_view_is_used():
    (feature,), labels = task([4])
    training = ProbeTraining(epochs=2, batch_size=16)
    weights = [
        fit_grid_probe([views], labels, 3, training).heads[(0,)][0]
        for views in (feature, feature.repeat(3, 1, 1), torch.cat([feature, feature + 1]))
    ]
    assert torch.allclose(weights[0], weights[1], atol=1e-6)  # views that are the same
    assert not torch.allclose(weights[0], weights[2], atol=1e-3)


def test_features_are_not_copied_as_a_whole(monkeypatch):
    features, labels = task([4, 4], images=40)
    stack, sizes = torch.stack, []

    def recorded(*args, **kwargs):
        sizes.append(stack(*args, **kwargs).numel())
        return stack(*args, **kwargs)

    monkeypatch.setattr(torch, 'stack', recorded)
    fit_grid_probe(features, labels, 3, ProbeTraining(epochs=1, batch_size=8, min_steps=0))
    assert max(sizes) <= 8 * 2 * 4  # a batch


def test_bad_labels_and_shapes_are_named():
    features, labels = task([4], images=6)
    with pytest.raises(ValueError, match=r'labels \[2\] .* expected 0 to 1'):
        fit_grid_probe(features, labels, 2)
    with pytest.raises(ValueError, match=r'\(V, 5, D\), got shape \(1, 6, 4\)'):
        fit_grid_probe(features, labels[:5], 3)
    with pytest.raises(ValueError, match=r'features \(V, 6, D\)'):
        fit_grid_probe([features[0][0]], labels, 3)


@pytest.mark.parametrize('options', [dict(epochs=0), dict(optimizer='sgd'), dict(seeds=(1, 1))])
def test_settings_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ProbeTraining(**options)


def test_few_images_get_more_epochs():
    training = ProbeTraining(min_steps=100)
    assert training.num_epochs(128 * 50) == 15 and training.num_epochs(256) == 50
