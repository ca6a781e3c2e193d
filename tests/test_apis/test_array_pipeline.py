# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from mmengine.config import Config

from mmdiffrep.apis.array_pipeline import FROM_RGB, loaded_order, split_pipeline

READ, PACK = dict(type='LoadImageFromFile'), dict(type='PackSegInputs')


def config(*pipeline, **options):
    dataset = dict(type='BaseSegDataset', pipeline=list(pipeline))
    return Config(dict(test_dataloader=dict(dataset=dataset), default_scope='mmseg', **options))


def names(steps):
    return [step['type'] for step in steps]


def test_what_loads_files_is_split_off_and_checks_of_masks_are_left_out():
    check = dict(type='mmdiffrep.CheckSegMap', num_classes=3)
    masks, resize = dict(type='LoadAnnotations'), dict(type='Resize', scale=(16, 16))
    loading, following = split_pipeline(config(READ, resize, masks, check, PACK))
    assert names(loading) == ['LoadImageFromFile', 'LoadAnnotations']
    assert names(following) == ['Resize', 'PackSegInputs']


def test_wrappers_of_a_data_set_are_looked_through():
    cfg = config(READ, PACK)
    inner = cfg.test_dataloader.dataset
    cfg.test_dataloader.dataset = dict(
        type='mmdiffrep.FewShotSubset', dataset=dict(type='RepeatDataset', dataset=inner)
    )
    assert names(split_pipeline(cfg)[1]) == ['PackSegInputs']


def test_a_config_without_a_pipeline_is_named(tmp_path):
    (tmp_path / 'mine.py').write_text('model = dict()')
    cfg = Config.fromfile(tmp_path / 'mine.py')
    with pytest.raises(ValueError, match=r'mine\.py has no test_dataloader\.dataset\.pipeline'):
        split_pipeline(cfg)


@pytest.mark.parametrize(
    ('step', 'order'),
    [
        (READ, 'bgr'),
        (dict(READ, color_type='grayscale'), 'gray'),
        (dict(type='mmdiffrep.ReadRGB'), 'rgb'),
    ],
)
def test_the_order_is_that_of_what_the_pipeline_loads(step, order):
    cfg = config(step, PACK)
    assert loaded_order(cfg, split_pipeline(cfg)[0]) == order


def test_rgb_becomes_what_is_loaded():
    image = np.array([[[255, 0, 0], [10, 20, 30]]], np.uint8)
    assert np.array_equal(FROM_RGB['rgb'](image), image)
    assert np.array_equal(FROM_RGB['bgr'](image), [[[0, 0, 255], [30, 20, 10]]])
    # ITU-R BT.601: 0.299, 0.587, 0.114
    assert np.array_equal(FROM_RGB['gray'](image), [[76, 18]])
    assert all(convert(image).flags.c_contiguous for convert in FROM_RGB.values())
