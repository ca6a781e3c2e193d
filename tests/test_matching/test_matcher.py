# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.matching import CorrespondenceMatcher, join_maps
from mmdiffrep.matching.matcher import load_image, resize_image
from mmdiffrep.testing import tiny_teacher


@pytest.fixture(scope='module')
def matcher():
    torch.manual_seed(0)
    return CorrespondenceMatcher(load_denoiser(tiny_teacher()), ['mid', 'dec.1'], [3], size=16)


def picture(seed=0, height=24, width=20):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_every_kind_of_image_gives_the_same_map(matcher, tmp_path):
    array = picture()
    Image.fromarray(array).save(tmp_path / 'a.png')
    tensor = torch.from_numpy(array).permute(2, 0, 1) / 127.5 - 1
    expected = matcher.features(array)
    for image in (tmp_path / 'a.png', str(tmp_path / 'a.png'), Image.fromarray(array), tensor):
        torch.testing.assert_close(matcher.features(image), expected)


def test_an_image_matches_itself(matcher):
    points = [[3, 4], [15, 20], [10.0, 11.0]]
    found, similarity, mutual = matcher.mutual(picture(), picture(), points)
    assert (found - torch.tensor(points)).abs().max() <= 1
    torch.testing.assert_close(similarity, torch.ones(3), atol=1e-3, rtol=0)
    assert mutual.all()


def test_the_heat_map_is_highest_at_the_match(matcher):
    source, target = picture(0), picture(1, height=30, width=40)
    found, similarity = matcher(source, target, [[5, 6]])
    heat = matcher.heat_map(source, target, [5, 6])
    assert heat.shape == (30, 40)
    x, y = found[0].int().tolist()
    assert heat[y, x] == heat.max()
    torch.testing.assert_close(heat.max(), similarity[0])


def test_draws_are_averaged():
    denoiser = load_denoiser(tiny_teacher())
    settings = dict(taps=['dec.1'], timesteps=[15], size=16)
    single = [CorrespondenceMatcher(denoiser, seed=s, **settings).extractors[0] for s in (0, 1, 2)]
    image = resize_image(load_image(picture()), (16, 16))[None]
    mean = torch.stack([extract(image)[15, 'dec.1'][0] for extract in single]).mean(0)
    drawn = CorrespondenceMatcher(denoiser, draws=3, **settings).features(picture())
    torch.testing.assert_close(drawn, join_maps([mean]))


def test_joined_maps_have_the_largest_size_and_equal_shares():
    joined = join_maps([torch.randn(3, 2, 2), 100 * torch.randn(5, 4, 6)])
    assert joined.shape == (8, 4, 6)
    for part in (joined[:3], joined[3:]):
        torch.testing.assert_close(part.norm(dim=0), torch.ones(4, 6))


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (np.zeros((4, 4), np.uint8), r'an RGB array \(H, W, 3\)'),
        (np.zeros((4, 4, 3), np.float32), 'must be uint8'),
        (torch.zeros(1, 4, 4), r'RGB image \(3, H, W\)'),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), r'in \[-1, 1\]'),
        (5, 'An image is a path'),
    ],
)
def test_bad_images(matcher, image, message):
    with pytest.raises(ValueError, match=message):
        matcher.features(image)


@pytest.mark.parametrize(
    ('points', 'message'),
    [
        ([[25, 3]], r'1 of 1 points lie outside the source image of 20 x 24'),
        ([[1, 2, 3]], r'points must be \(K, 2\)'),
        ([[float('nan'), 1]], 'outside'),
    ],
)
def test_bad_points(matcher, points, message):
    with pytest.raises(ValueError, match=message):
        matcher(picture(), picture(), points)


def test_unknown_preset_is_refused_before_the_model_is_loaded():
    with pytest.raises(ValueError, match='preset must be one of .*dift_semantic'):
        CorrespondenceMatcher('no such folder', preset='dift')
