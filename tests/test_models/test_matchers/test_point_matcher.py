# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from mmdiffrep.models.matchers import PointMatcher
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.utils.config_path import get_config_path

TINY = dict(model=tiny_teacher(), taps=['mid', 'dec.1'], timesteps=[3], size=16)


def pair(points, source_size=(16, 20), target_size=(32, 20), number=0):
    generator = torch.Generator().manual_seed(number)
    images = [
        torch.randint(0, 256, (3, *size), generator=generator, dtype=torch.uint8)
        for size in (source_size, target_size)
    ]
    sample = BaseDataElement(metainfo=dict(source_id=f's{number}', target_id=f't{number}'))
    sample.source_points = torch.tensor(points)
    return images, sample


def predict(model, *pairs):
    inputs = dict(
        source=[images[0] for images, _ in pairs], target=[images[1] for images, _ in pairs]
    )
    return model(inputs, [sample for _, sample in pairs])


def test_same_position_is_scaled_to_the_target():
    (sample,) = predict(PointMatcher(dict(kind='same_position')), pair([[4.0, 8.0]]))
    assert sample.pred_points.tolist() == [[4, 16]]


@pytest.mark.parametrize('matcher', [TINY, dict(kind='rgb_patches', size=16)])
def test_an_image_finds_itself(matcher):
    images, sample = pair([[4.0, 8.0], [12.0, 3.0]], target_size=(16, 20))
    images[1] = images[0]
    (sample,) = predict(PointMatcher(matcher), (images, sample))
    assert (sample.pred_points - sample.source_points).abs().max() <= 1


def test_the_prompt_names_the_category():
    model = PointMatcher(TINY, prompt='a photo of a {category}')
    asked = []
    model.maps = lambda *given: asked.append(given[2]) or torch.randn(2, 4, 3, 3)
    images, sample = pair([[4.0, 8.0]])
    sample.set_metainfo(dict(category='cat'))
    predict(model, (images, sample))
    assert asked == ['a photo of a cat']


def test_unknown_kinds_and_arguments():
    with pytest.raises(ValueError, match=r"kind must be one of .*got 'position'"):
        PointMatcher(dict(kind='position'))
    with pytest.raises(ValueError, match="has no argument 'tap'. Did you mean taps"):
        PointMatcher(dict(TINY, tap=['mid']))


def test_a_config_is_evaluated(tmp_path):
    cfg = Config.fromfile(get_config_path('dift/toyfaces_landmarks.py'))
    cfg.work_dir = str(tmp_path)
    cfg.test_dataloader.dataset.num_pairs = 2
    cfg.test_dataloader.dataset.dataset.num_images = 4
    cfg.model.matcher = TINY
    metrics = Runner.from_cfg(cfg).test()
    assert set(metrics) >= {'box/PCK@0.1', 'box/PCK@0.1_per_image', 'image/PCK@0.05'}
