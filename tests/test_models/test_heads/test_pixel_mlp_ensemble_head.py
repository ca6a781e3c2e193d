# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from mmdiffrep.models.heads import PixelMLPEnsembleHead
from mmdiffrep.models.necks import Hypercolumns
from mmdiffrep.registry import MODELS


def trained_head(**options):
    """A head whose weights and statistics are not those of the start."""
    head = PixelMLPEnsembleHead(
        **{**dict(num_classes=6, in_channels=9, num_members=4, hidden_channels=(8, 5)), **options}
    )
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    for norm in head.mlp.norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return head.eval()


def random_columns(images=1):
    return Hypercolumns([torch.randn(images, 4, 3, 3), torch.randn(images, 5, 6, 6)])


def naive_logits(head, columns, size):
    """Upsample everything, concatenate, then the perceptrons: (members, H * W, classes)."""
    maps = [F.interpolate(one, size=size, mode='bilinear') for one in columns.maps]
    pixels = torch.cat(maps, 1)[0].flatten(1).T
    return head.mlp(pixels.expand(head.num_members, -1, -1)).transpose(1, 2)


@pytest.mark.parametrize('size', [(12, 12), (7, 10), (2, 2), (1, 1)])
def test_logits_agree_with_upsample_then_linear(size):
    head, columns = trained_head(), random_columns()
    expected = naive_logits(head, columns, size)
    first = head.project(columns)
    for member in range(head.num_members):
        logits = head.member_logits(first, member, size)
        assert (logits - expected[member]).abs().max() < 1e-4


def test_prediction_is_the_vote_of_the_naive_logits():
    head, columns, size = trained_head(), random_columns(), (9, 11)
    prediction = head.predict(columns, size)
    logits = naive_logits(head, columns, size)
    assert torch.equal(prediction.labels.flatten(), torch.mode(logits.argmax(-1), 0).values)
    categorical = torch.distributions.Categorical
    mean = categorical(logits.softmax(-1).mean(0)).entropy()
    divergence = mean - categorical(logits=logits).entropy().mean(0)
    assert torch.allclose(prediction.uncertainty.flatten(), divergence, atol=1e-5)
    assert prediction.score == pytest.approx(divergence.sort().values[-9:].mean().item(), abs=1e-5)
    assert prediction.labels.shape == prediction.uncertainty.shape == size


def test_identical_members_are_certain():
    head = trained_head()
    for value in head.mlp.state_dict().values():
        value.copy_(value[:1].expand_as(value))
    prediction = head.predict(random_columns(), (8, 8))
    assert prediction.uncertainty.abs().max() < 1e-6 and prediction.score < 1e-6


@pytest.mark.parametrize(
    ('num_classes', 'hidden', 'millions'), [(29, (128, 32), 1.09), (34, (256, 128), 2.20)]
)
def test_official_shapes(num_classes, hidden, millions):
    with torch.device('meta'):
        head = PixelMLPEnsembleHead(num_classes=num_classes, in_channels=8448)
    assert head.num_members == 10 and head.stop_rule.patience == 50
    assert tuple(norm.weight.shape[1] for norm in head.mlp.norms) == hidden
    count = sum(parameter.numel() for parameter in head.parameters()) / 10e6
    assert count == pytest.approx(millions, abs=0.005)
    with torch.device('meta'):
        wide = PixelMLPEnsembleHead(num_classes=30, in_channels=4)
    assert wide.mlp.norms[0].weight.shape[1] == 256, '30 classes are many'


def test_losses_are_means_over_each_members_batch():
    head = trained_head(num_members=2)
    x, labels = torch.randn(2, 7, 9), torch.randint(6, (2, 7))
    losses = head.member_losses(x, labels)
    logits = head.mlp(x).transpose(1, 2)
    for member in range(2):
        expected = F.cross_entropy(logits[member], labels[member])
        assert losses[member].item() == pytest.approx(expected.item(), rel=1e-5)


def test_stopped_members_rest_bit_for_bit():
    head = trained_head().train()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)

    def step(losses):
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()

    batch = lambda: (torch.randn(4, 16, 9), torch.randint(6, (4, 16)))  # noqa: E731
    for _ in range(3):
        step(head.member_losses(*batch()))
    head.stop_rule.stopped[1] = True
    head.rest_stopped_members(optimizer)
    before = {name: value.clone() for name, value in head.mlp.state_dict().items()}
    for _ in range(3):
        losses = head.member_losses(*batch(), frozen=head.stop_rule.stopped)
        step(losses.where(~head.stop_rule.stopped, 0.0))
    for name, value in head.mlp.state_dict().items():
        changed = [not torch.equal(*pair) for pair in zip(value, before[name])]
        assert changed == [True, False, True, True], name


def test_builds_from_a_config():
    head = MODELS.build(
        dict(type='mmdiffrep.PixelMLPEnsembleHead', num_classes=3, in_channels=4, num_members=2)
    )
    assert isinstance(head, PixelMLPEnsembleHead)


@pytest.mark.parametrize(
    'wrong',
    [dict(num_classes=1), dict(in_channels=0), dict(num_members=0), dict(hidden_channels=())],
)
def test_numbers_that_are_too_small(wrong):
    with pytest.raises(ValueError, match='must (be|have) at least'):
        trained_head(**wrong)


def test_prediction_refuses_several_images_and_other_lengths():
    head = trained_head()
    with pytest.raises(ValueError, match='number of images must be 1, got 2'):
        head.predict(random_columns(2), (4, 4))
    with pytest.raises(ValueError, match='length of hypercolumns must be 9, got 4'):
        head.predict(Hypercolumns([torch.randn(1, 4, 3, 3)]), (4, 4))
