# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from mmdiffrep.models.distillers import FeaturePair
from mmdiffrep.models.distillers.connectors import ConvConnector, HypercolumnConnector, MLPConnector
from mmdiffrep.models.losses import DenseFeatureLoss
from mmdiffrep.registry import MODELS

DENSE = dict(type='mmdiffrep.DenseFeatureLoss')
HINT = dict(type='mmdiffrep.PooledFeatureLoss')
AT = dict(type='mmdiffrep.AttentionTransferLoss')
RKD = dict(type='mmdiffrep.RelationalLoss')
CONTRASTIVE = dict(type='mmdiffrep.ContrastiveLoss')
SOFT = dict(type='mmdiffrep.SoftTargetLoss')


def pair(student, teacher, loss, **kwargs):
    return FeaturePair(student, teacher, loss, name='pairs[3]', **kwargs)


@pytest.mark.parametrize(
    ('student', 'loss', 'connector', 'expected'),
    [
        ([4], DENSE, 'auto', ConvConnector),
        ([4, 5], DENSE, 'auto', HypercolumnConnector),
        ([4], CONTRASTIVE, 'auto', ConvConnector),
        ([4], AT, 'auto', nn.Identity),
        ([4], RKD, 'auto', nn.Identity),
        ([6], SOFT, 'auto', nn.Identity),
        ([6], DENSE, 'none', nn.Identity),
        ([4], DENSE, dict(type='mmdiffrep.MLPConnector', hidden_channels=9), MLPConnector),
        ([4], AT, dict(type='mmdiffrep.ConvConnector'), ConvConnector),
    ],
)
def test_connector_that_is_built(student, loss, connector, expected):
    built = pair(student, 6, loss, connector=connector)
    assert type(built.connector) is expected
    features = [torch.randn(2, channels, 4, 4) for channels in student]
    value = built(features, torch.randn(2, 6, 8, 8))
    assert value.shape == () and value.isfinite()


def test_vectors_are_maps_of_one_pixel():
    student, teacher = torch.randn(2, 6), torch.randn(2, 6)
    value = pair([6], 6, DENSE, connector='none')([student], teacher)
    torch.testing.assert_close(value, (student - teacher).square().mean())


def test_standardized_target():
    student, teacher = torch.randn(8, 6, 4, 4), 5 + 3 * torch.randn(8, 6, 4, 4)
    value = pair([6], 6, DENSE, connector='none', standardize=True)([student], teacher)
    mean = teacher.mean(dim=(0, 2, 3), keepdim=True)
    std = teacher.std(dim=(0, 2, 3), keepdim=True, unbiased=False)
    expected = DenseFeatureLoss()(student, (teacher - mean) / std)
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)


def test_a_pooled_target_is_standardized_after_the_pooling():
    teacher = torch.randn(64, 6, 1, 1) + 10 * torch.randn(64, 6, 4, 4)
    built = pair([6], 6, HINT, connector='none', standardize=True)
    value = built([torch.zeros(64, 6)], teacher)
    # The squares of six averages, each of variance 1; of the pixels they would be far below.
    torch.testing.assert_close(value, torch.tensor(1.0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(built.target.mean, teacher.mean(dim=(0, 2, 3)))


@pytest.mark.parametrize('loss', [AT, RKD])
def test_standardized_target_of_a_loss_without_connector(loss):
    built = pair([4], 6, loss, standardize=True)
    value = built([torch.randn(3, 4, 4, 4)], torch.randn(3, 6, 4, 4))
    assert value > 0 and built.target.num_batches == 1


@pytest.mark.parametrize(
    ('student', 'loss', 'connector', 'match'),
    [
        ([4], SOFT, 'auto', r'pairs\[3\]: SoftTargetLoss .* must be 6, got 4.* the logits of both'),
        ([4], DENSE, 'none', r"pairs\[3\]: .* must be 6, got 4.* leave out connector='none'"),
        ([4, 5], AT, 'auto', r'pairs\[3\]: .* must be 1, got 2. Give each layer a pair'),
        (
            [4],
            DENSE,
            'mlp',
            r"pairs\[3\]: a connector other .* must be dict, got 'mlp'",
        ),
        (
            [4, 5],
            DENSE,
            dict(type='mmdiffrep.MLPConnector'),
            r'pairs\[3\]: .* cannot be built for 2 student layer.*HypercolumnConnector several',
        ),
        (
            [4],
            DENSE,
            dict(type='mmdiffrep.MLPConnector', width=3),
            r"pairs\[3\]: .* unexpected keyword argument 'width'",
        ),
        (
            [4],
            dict(type='mmdiffrep.ConvConnector', in_channels=1, out_channels=1),
            'auto',
            'must be DistillationLoss, got ConvConnector',
        ),
    ],
)
def test_what_cannot_match_is_refused_at_build(student, loss, connector, match):
    with pytest.raises((TypeError, ValueError), match=match):
        pair(student, 6, loss, connector=connector)


@pytest.mark.parametrize(
    ('loss', 'student', 'match'),
    [
        (AT, (2, 4), r'pairs\[3\]: .*\(2, 4, 1, 1\) .*\(2, 6, 8, 8\).* before the pooling'),
        (RKD, (1, 4, 2, 2), r'pairs\[3\]: .* at least 2 .* got 1'),
        (CONTRASTIVE, (1, 4, 2, 2), r'pairs\[3\]: .* at least 2 .* got 1'),
        (
            DENSE,
            (2, 5, 2, 2),
            r'pairs\[3\]: .*must be \(4,\), got \(5,\).*student_channels',
        ),
    ],
)
def test_what_cannot_match_is_refused_at_the_first_batch(loss, student, match):
    built = pair([4], 6, loss)
    with pytest.raises(ValueError, match=match):
        built([torch.randn(student)], torch.randn(student[0], 6, 8, 8))


def test_every_connector_and_loss_is_registered():
    for name in ('MLPConnector', 'ConvConnector', 'HypercolumnConnector', 'ContrastiveLoss'):
        assert f'mmdiffrep.{name}' in MODELS


def test_logits_are_not_standardized():
    with pytest.raises(ValueError, match=r'pairs\[3\]: a scaled target does not suit'):
        pair([6], 6, SOFT, standardize=True)


L2 = dict(type='mmdiffrep.DenseFeatureLoss', distance='l2', loss_weight=1.0)
COSINE = dict(type='mmdiffrep.DenseFeatureLoss', distance='normalized_l2', loss_weight=0.5)
POOLED = dict(type='mmdiffrep.PooledFeatureLoss', loss_weight=2.0)


@pytest.mark.parametrize('losses', [[L2, COSINE], [L2], [L2, COSINE, POOLED]])
def test_several_losses_share_one_connector(losses):
    """Official: ``distill_fn=[['l2', 1], ['l2_norm', .5]]``."""
    student, teacher = torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4)
    pair = FeaturePair([3], 5, loss=losses)
    assert len(list(pair.parameters())) == 2
    expected = 0
    for loss in losses:
        alone = FeaturePair([3], 5, loss=loss)
        alone.load_state_dict(pair.state_dict())
        expected = expected + alone([student], teacher)
    torch.testing.assert_close(pair([student], teacher), expected)


def test_a_loss_without_a_connector_joins_one_with():
    losses = [L2, dict(type='mmdiffrep.RelationalLoss')]
    pair = FeaturePair([3], 5, loss=losses)
    student, teacher = torch.randn(4, 3, 4, 4), torch.randn(4, 5, 4, 4)
    mapped = pair.connector(student)
    expected = sum(loss(mapped, teacher) for loss in pair.loss.losses)
    torch.testing.assert_close(pair([student], teacher), expected)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(loss=[]), 'loss must have at least one item'),
        (dict(loss=[L2, 'l2']), "pair: loss must be dict, got 'l2'"),
        (dict(loss='l2'), "loss must be list or tuple or dict, got 'l2'"),
        (
            dict(loss=[L2, dict(type='mmdiffrep.FixedTimestep')]),
            'DistillationLoss, got FixedT',
        ),
        (dict(loss=[L2, POOLED], standardize=True), 'need a scale each'),
        (dict(loss=L2, standardize=1), 'standardize must be bool'),
    ],
)
def test_losses_that_do_not_fit_are_named(kwargs, message):
    with pytest.raises((TypeError, ValueError), match=message):
        FeaturePair([3], 5, **kwargs)


@pytest.mark.parametrize('loss', [L2, COSINE, [L2, COSINE]])
@pytest.mark.parametrize('standardize', [False, True])
def test_explained_share_is_1_for_the_teacher_itself_and_0_for_its_mean(loss, standardize):
    teacher = torch.randn(4, 5, 3, 3) * torch.arange(1, 6).view(5, 1, 1) + 2
    pair = FeaturePair([5], 5, loss=loss, standardize=standardize, connector='none')
    for _ in range(3):
        pair([teacher], teacher)  # the scale of the target settles
    target = pair.eval().target(teacher)
    mean = target.mean(dim=(0, 2, 3), keepdim=True).expand_as(target)
    for student, share in ((target, 1.0), (mean, 0.0)):
        assert pair.compare([student], teacher)[1].item() == pytest.approx(share, abs=1e-5)
    nothing, half = pair.compare([mean], teacher)[0], (target + mean) / 2
    value, share = pair.compare([half], teacher)
    torch.testing.assert_close(share, 1 - value / nothing)
    assert not share.requires_grad


def test_explained_share_of_a_single_pooled_image_is_defined():
    pair = FeaturePair([3], 5, loss=POOLED)
    assert pair.compare([torch.randn(1, 3, 4, 4)], torch.randn(1, 5, 4, 4))[1] == 0


def test_losses_between_images_have_no_explained_share():
    for kind in ('RelationalLoss', 'ContrastiveLoss'):
        pair = FeaturePair([5], 5, loss=dict(type=f'mmdiffrep.{kind}'))
        assert pair.compare([torch.randn(4, 5)], torch.randn(4, 5))[1] is None


@pytest.mark.parametrize(
    ('loss', 'target', 'kind'),
    [
        (DENSE, 'channel', 'ChannelStandardizer'),
        (DENSE, 'phi_s', 'PHIStandardizer'),
        (AT, 'none', 'Identity'),
    ],
)
def test_target_of_a_pair(loss, target, kind):
    built = pair([4], 6, loss, target=target)
    value = built([torch.randn(3, 4, 4, 4)], torch.randn(3, 6, 4, 4))
    assert value.isfinite() and type(built.target).__name__ == kind


def test_standardize_is_the_channel_target():
    target = pair([4], 6, DENSE, standardize=True).target
    assert type(target).__name__ == 'ChannelStandardizer'
    with pytest.raises(ValueError, match="is target='channel': leave one of them out"):
        pair([4], 6, DENSE, standardize=True, target='phi_s')


def test_a_connector_is_told_the_timesteps():
    built = pair([4], 6, DENSE, connector=dict(type='mmdiffrep.TimestepConnector'))
    nn.init.normal_(built.connector.blocks[0].modulation.weight)
    nn.init.normal_(built.connector.blocks[0].mlp[-1].weight)
    features = [torch.randn(2, 4, 4, 4)], torch.randn(2, 6, 4, 4)
    early, late = built(*features, torch.tensor([0, 0])), built(*features, torch.tensor([900, 900]))
    assert not torch.allclose(early, late)


def test_balanced_losses_do_not_depend_on_the_scale_of_the_teacher():
    torch.manual_seed(0)
    loss = dict(type='mmdiffrep.DenseFeatureLoss', distance='l2')
    pair = FeaturePair((4,), 6, loss, balance=True)
    student, teacher = torch.randn(2, 4, 3, 3), torch.randn(2, 6, 3, 3)
    value, share = pair.compare([student], teacher)
    torch.testing.assert_close(value, 1 - share)
    pair.connector.projection.weight.data *= 100
    pair.connector.projection.bias.data *= 100
    torch.testing.assert_close(pair.compare([student], teacher * 100)[0], value)


def test_losses_that_compare_images_cannot_be_balanced():
    with pytest.raises(ValueError, match='balance=True needs a loss'):
        FeaturePair((4,), 4, dict(type='mmdiffrep.RelationalLoss'), balance=True)
