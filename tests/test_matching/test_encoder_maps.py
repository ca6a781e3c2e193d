# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.matching import CorrespondenceMatcher
from mmdiffrep.matching.encoder_maps import EncoderMaps
from mmdiffrep.matching.matcher import ENCODER
from mmdiffrep.testing import tiny_teacher

pytest.importorskip('mmpretrain')
CLIP = dict(mean=[122.771, 116.746, 104.094], std=[68.501, 66.632, 70.323], channel_order='bgr')
ENCODER_CONFIG = dict(
    size=28,
    normalization=CLIP,
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
    red = torch.tensor([1.0, -1.0, -1.0]).view(3, 1, 1).expand(3, 20, 30)
    value = encoder(red)
    assert value.shape == (8, 2, 2)
    pixels = torch.zeros(1, 3, 28, 28)
    pixels[:, 2] = 255  # BGR
    mean, std = (torch.tensor(CLIP[key]).view(3, 1, 1) for key in ('mean', 'std'))
    expected = encoder.backbone((pixels - mean) / std)[-1][0].detach()
    torch.testing.assert_close(value, expected)
    assert not any(parameter.requires_grad for parameter in encoder.backbone.parameters())


@pytest.mark.parametrize('key', ['size', 'normalization'])
def test_what_is_not_known_is_asked_for(key):
    with pytest.raises(ValueError, match=f'encoder needs {key}'):
        EncoderMaps(dict(ENCODER_CONFIG, **{key: None}))
    with pytest.raises(ValueError, match="channel_order='rgb' if"):
        EncoderMaps(dict(ENCODER_CONFIG, normalization=dict(mean=[1, 1, 1], std=[1, 1, 1])))


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
