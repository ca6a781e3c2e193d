# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from mmengine.config import Config

import mmdiffrep
from mmdiffrep.utils.pixel_checks import check_inputs

CONFIGS = Path(mmdiffrep.get_config_path('repfusion/celebamask_r50.py')).parents[1]
FOLDERS = ('ddae', 'ddpm', 'ddpm_seg', 'diffeed', 'difformer', 'gdc')  # of DPMBackbones
UNIT = dict(mean=[127.5] * 3, std=[127.5] * 3)
FILES = dict(type='CustomDataset', pipeline=[dict(type='LoadImageFromFile')])


def config(told, dataset=FILES, kind='DPMBackbone', **flags):
    return Config(
        dict(
            default_scope='mmpretrain',
            model=dict(backbone=dict(type=f'mmdiffrep.{kind}', input=told)),
            data_preprocessor=dict(UNIT, **flags),
            train_dataloader=dict(dataset=dataset),
        )
    )


@pytest.mark.parametrize('kind', ['DPMBackbone', 'FeedbackDPMBackbone'])
def test_an_input_that_the_data_contradicts_is_an_error(kind):
    rgb, bgr = (dict(UNIT, channel_order=order) for order in ('rgb', 'bgr'))
    cifar = dict(type='CIFAR10')
    for told, dataset, flags in (
        (rgb, FILES, dict(to_rgb=True)),
        (bgr, FILES, dict(to_rgb=False)),
        (rgb, cifar, dict(to_rgb=False)),
        (dict(mean=[127.5], std=[127.5], channel_order='rgb'), FILES, dict(to_rgb=True)),
    ):
        check_inputs(config(told, dataset, kind, **flags))
    with pytest.raises(ValueError, match=r"model\.backbone\.input .*'rgb'; .* give .*'bgr'"):
        check_inputs(config(rgb, FILES, kind, to_rgb=False))
    with pytest.raises(ValueError, match="channel_order='rgb'; .* give channel_order='bgr'"):
        check_inputs(config(rgb, cifar, kind, to_rgb=True))
    with pytest.raises(ValueError, match=r'mean=.* std=None.*give mean=\[127\.5'):
        check_inputs(config(dict(channel_order='rgb'), FILES, kind, to_rgb=True))


def test_what_is_unknown_or_gray_is_taken_as_told():
    told = dict(UNIT, channel_order='rgb')
    check_inputs(config(told, dict(type='OwnImages'), to_rgb=False))
    check_inputs(config(told, dict(type='mmdiffrep.FashionMNISTDataset')))
    check_inputs(Config(dict(work_dir='x')))


def test_a_split_whose_images_are_others_is_named():
    """A pipeline that was mended in training alone."""
    turned = [dict(type='LoadImageFromFile'), dict(type='NumpyToPIL', to_rgb=True)]
    scaled = [dict(type='LoadImageFromFile'), dict(type='Normalize', mean=[0.0], std=[255.0])]
    cfg = config(dict(UNIT, channel_order='rgb'), to_rgb=True)
    for pipeline in (turned, scaled):
        cfg.test_dataloader = dict(dataset=dict(FILES, pipeline=pipeline))
        with pytest.raises(ValueError, match='test_dataloader gives other .* train_dataloader'):
            check_inputs(cfg)
    cfg.test_dataloader = dict(dataset=FILES)
    check_inputs(cfg)


def test_a_diffusion_model_learns_from_rgb():
    cfg = config({}, dict(type='CIFAR10'), to_rgb=True)
    cfg.model = dict(type='mmdiffrep.DDPM')
    with pytest.raises(ValueError, match="model takes .*channel_order='rgb'; .*'bgr'"):
        check_inputs(cfg)


@pytest.mark.parametrize(
    'path',
    sorted(path for folder in FOLDERS for path in (CONFIGS / folder).rglob('*.py')),
    ids=lambda path: path.relative_to(CONFIGS).as_posix(),
)
def test_shipped_configs_tell_their_models_the_truth(path):
    check_inputs(Config.fromfile(path))
