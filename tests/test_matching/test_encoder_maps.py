# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.matching import CorrespondenceMatcher
from mmdiffrep.matching.encoder_maps import EncoderMaps
from mmdiffrep.matching.matcher import ENCODER
from mmdiffrep.testing import tiny_teacher

pytest.importorskip('mmpretrain')
ENCODER_CONFIG = dict(
    size=28,
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch=dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16),
        img_size=28,
        patch_size=14,
        out_type='featmap',
    ),
)


def test_the_map_is_that_of_the_normalized_image():
    encoder = EncoderMaps(ENCODER_CONFIG)
    value = encoder(torch.full((3, 20, 30), -1.0))
    assert value.shape == (8, 2, 2)
    black = (torch.zeros(1, 3, 28, 28) - torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)) / (
        torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    )
    torch.testing.assert_close(value, encoder.backbone(black)[-1][0].detach())
    assert not any(parameter.requires_grad for parameter in encoder.backbone.parameters())
    with pytest.raises(ValueError, match='needs a size'):
        EncoderMaps(dict(ENCODER_CONFIG, size=None))


@pytest.mark.parametrize('join', ['normalized', 'joint_pca'])
def test_a_fused_matcher(join):
    match = CorrespondenceMatcher(
        load_denoiser(tiny_teacher()),
        ['mid', 'dec.1'],
        [3],
        size=16,
        join=join,
        encoder=ENCODER_CONFIG,
    )
    image = torch.rand(3, 24, 24) * 2 - 1
    assert match.maps(image)[ENCODER].shape == (8, 2, 2)
    points = [[3, 4], [15, 20]]
    found, similarity = match(image, image, points)
    assert (found - torch.tensor(points)).abs().max() <= 1
    torch.testing.assert_close(similarity, torch.ones(2), atol=1e-3, rtol=0)
    if join == 'joint_pca':
        with pytest.raises(ValueError, match='needs two images'):
            match.features(image)
