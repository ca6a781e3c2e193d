# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmdiffrep.models.distillers.feature_pair import build_target
from mmdiffrep.models.distillers.targets import (
    ChannelStandardizer,
    LayerNormTarget,
    PHIStandardizer,
)


def test_first_batch_has_zero_mean_and_unit_variance():
    feature = torch.randn(8, 3, 4, 4) * torch.tensor([1.0, 10.0, 0.1])[:, None, None] + 5
    out = ChannelStandardizer(3)(feature)
    torch.testing.assert_close(out.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        out.var(dim=(0, 2, 3), unbiased=False), torch.ones(3), atol=1e-3, rtol=0
    )


def test_statistics_are_cumulative_at_first():
    batches = [torch.randn(4, 2, 3, 3) + shift for shift in (0.0, 2.0, 7.0)]
    standardizer = ChannelStandardizer(2, momentum=0.01)
    for batch in batches:
        standardizer(batch)
    everything = torch.cat(batches)
    torch.testing.assert_close(standardizer.mean, everything.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(standardizer.square, everything.square().mean(dim=(0, 2, 3)))


def test_eval_mode_leaves_the_statistics():
    standardizer = ChannelStandardizer(2).eval()
    standardizer(torch.randn(4, 2, 3, 3) + 9)
    assert standardizer.num_batches == 0
    assert torch.equal(standardizer.mean, torch.zeros(2))


@pytest.mark.parametrize('kind', [ChannelStandardizer, PHIStandardizer])
def test_frozen_statistics_are_those_of_the_first_batches(kind):
    batches = [torch.randn(4, 2, 3, 3) + shift for shift in (0.0, 2.0, 7.0)]
    target = kind(2, freeze_after=2)
    for batch in batches:
        target(batch)
    torch.testing.assert_close(target.mean, torch.cat(batches[:2]).mean(dim=(0, 2, 3)))
    free = kind(2)
    for batch in batches:
        free(batch)
    torch.testing.assert_close(free.mean, torch.cat(batches).mean(dim=(0, 2, 3)))


def test_layer_norm_over_a_map_and_over_a_pixel():
    feature = torch.randn(2, 6, 4, 5) * 3 + 1
    torch.testing.assert_close(
        LayerNormTarget(6)(feature), F.layer_norm(feature, feature.shape[1:], eps=1e-6)
    )
    pixels = F.layer_norm(feature.movedim(1, -1), (6,), eps=1e-6).movedim(-1, 1)
    torch.testing.assert_close(LayerNormTarget(6, over='pixel')(feature), pixels)


def correlated(channels, spread):
    """Maps whose variances along their axes differ by `spread`, and which are turned."""
    torch.manual_seed(0)
    turn = torch.linalg.qr(torch.randn(channels, channels)).Q
    axes = torch.randn(16, channels, 8, 8) * torch.logspace(0, spread, channels)[:, None, None]
    return torch.einsum('ij,bjhw->bihw', turn, axes) + 3


@pytest.mark.parametrize(('channels', 'tolerance'), [(16, 1e-3), (24, 0.1)])
def test_phi_s_channels_vary_alike(channels, tolerance):
    out = PHIStandardizer(channels)(correlated(channels, spread=-1))
    torch.testing.assert_close(out.mean(dim=(0, 2, 3)), torch.zeros(channels), atol=1e-3, rtol=0)
    variance = out.var(dim=(0, 2, 3), unbiased=False)
    torch.testing.assert_close(variance, torch.ones(channels), atol=tolerance, rtol=0)


def test_phi_s_keeps_proportions():
    feature = correlated(16, spread=-1)
    out = PHIStandardizer(16)(feature)
    before, after = (torch.cdist(f[:, :, 0, 0], f[:, :, 0, 0]) for f in (feature, out))
    off = ~torch.eye(16, dtype=torch.bool)
    ratio = (after / before)[off]
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-3, atol=0)


def test_phi_s_turns_every_batch_alike():
    target = PHIStandardizer(4)
    target(torch.randn(4, 4, 4, 4))
    rotation = target.rotation.clone()
    target(torch.randn(4, 4, 4, 4) * torch.tensor([1.0, 9, 1, 1])[:, None, None])
    assert torch.equal(target.rotation, rotation)
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(4), atol=1e-5, rtol=0)


def test_phi_s_needs_pixels():
    with pytest.raises(ValueError, match='needs more pixels .* 2 pixels of 4 channels'):
        PHIStandardizer(4)(torch.randn(2, 4, 1, 1))


@pytest.mark.parametrize(
    ('target', 'error', 'match'),
    [
        ('whiten', ValueError, r"pairs\[0\]: target must be one of 'none', 'channel'"),
        (dict(type='channel', freeze=3), ValueError, 'no argument .freeze.*freeze_after'),
        (dict(type='channel', freeze_after=0), ValueError, 'freeze_after must be at least 1'),
        (dict(type='layer_norm', over='image'), ValueError, "over must be one of 'map', 'pixel'"),
        (dict(type='none', momentum=0.1), ValueError, 'no argument .momentum'),
        (True, TypeError, 'target must be str or dict'),
    ],
)
def test_bad_targets(target, error, match):
    with pytest.raises(error, match=match):
        build_target(target, 4, 'pairs[0]')


def test_no_target_is_the_feature_itself():
    assert isinstance(build_target('none', 4), nn.Identity)
