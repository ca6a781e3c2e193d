# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.diffusion.noise import PerImageNoise
from mmdiffrep.matching import CorrespondenceMatcher
from mmdiffrep.matching.images import load_image, resize_image
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.testing.tiny_latent import save_tiny_pipeline


@pytest.fixture(scope='module')
def matcher():
    torch.manual_seed(0)
    return CorrespondenceMatcher(load_denoiser(tiny_teacher()), ['mid', 'dec.1'], [3], size=16)


@pytest.fixture(scope='module')
def pipeline(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMDIFFREP_CACHE', str(tmp_path_factory.mktemp('cache')))
        yield str(save_tiny_pipeline('sd', tmp_path_factory.mktemp('sd')))


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
    image = resize_image(load_image(picture()), (16, 16))[None]
    noise = PerImageNoise(seed=5)
    single = [
        FeatureExtractor(denoiser, ['dec.1'], [15], noise=noise.of_draw(draw)) for draw in range(3)
    ]
    mean = torch.stack([extract(image)[15, 'dec.1'][0] for extract in single]).mean(0)
    drawn = CorrespondenceMatcher(denoiser, draws=3, seed=5, **settings).features(picture())
    torch.testing.assert_close(drawn, mean)


def test_the_image_is_encoded_once_for_all_draws(pipeline, monkeypatch):
    match = CorrespondenceMatcher(pipeline, ['dec.1'], [15], size=32, draws=3)
    passes = []
    codec = match.extract.denoiser.codec
    monkeypatch.setattr(type(codec), 'forward', _counted(type(codec).forward, passes))
    match.features(picture())
    assert len(passes) == 1


def _counted(forward, passes):
    def counted(self, *args):
        passes.append(1)
        return forward(self, *args)

    return counted


def test_prompts_per_call(pipeline):
    match = CorrespondenceMatcher(pipeline, ['dec.1'], [15], size=32)
    plain, cat = match.features(picture()), match.features(picture(), prompt='a photo of a cat')
    assert not torch.equal(plain, cat)
    prompted = CorrespondenceMatcher(pipeline, ['dec.1'], [15], size=32, prompt='a photo of a cat')
    assert torch.equal(prompted.features(picture()), cat)
    assert torch.equal(match.features(picture(), prompt=''), plain)
    source, target, points = picture(0), picture(1), [[5, 6]]
    found = match(source, target, points, prompt='a photo of a cat')
    assert all(map(torch.equal, found, prompted(source, target, points)))
    heat = match.heat_map(source, target, points[0], prompt='a photo of a cat')
    torch.testing.assert_close(heat.max(), found[1][0])


def test_a_model_without_text_takes_no_prompt(matcher):
    with pytest.raises(ValueError, match="takes no prompt, got 'a cat'"):
        matcher(picture(), picture(), [[1, 2]], prompt='a cat')
    with pytest.raises(ValueError, match='takes no prompt'):
        CorrespondenceMatcher(tiny_teacher(), ['mid'], [3], prompt='a cat')


def test_clean_images_know_no_draws():
    match = CorrespondenceMatcher(tiny_teacher(), ['mid'], [3], noise='none')
    assert match.extract.draws == 1
    with pytest.raises(ValueError, match='noise must be one of'):
        CorrespondenceMatcher(tiny_teacher(), ['mid'], [3], noise='fresh')


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (np.zeros((4, 4), np.uint8), r'an RGB array \(H, W, 3\)'),
        (np.zeros((4, 4, 3), np.float32), "must be dtype.'uint8'"),
        (torch.zeros(1, 4, 4), r'RGB image .*\(3, H, W\)'),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), r'in \[-1, 1\]'),
        (5, 'image must be str or Path'),
    ],
)
def test_bad_images(matcher, image, message):
    with pytest.raises((TypeError, ValueError), match=message):
        matcher.features(image)


@pytest.mark.parametrize(
    ('points', 'message'),
    [
        ([[25, 3]], r'1 of 1 points lie outside the source image of 20 x 24'),
        ([[1, 2, 3]], r'each of points .* must be \(2,\)'),
        ([[float('nan'), 1]], 'outside'),
    ],
)
def test_bad_points(matcher, points, message):
    with pytest.raises(ValueError, match=message):
        matcher(picture(), picture(), points)


def test_unknown_preset_is_refused_before_the_model_is_loaded():
    with pytest.raises(ValueError, match='preset must be one of .*dift_semantic'):
        CorrespondenceMatcher('no such folder', preset='dift')
