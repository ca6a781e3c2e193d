# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import mmseg.datasets  # noqa: F401, registers its transforms
import pytest
from mmengine.config import Config

from mmdiffrep.apis.export_student import host_config


def cifar(dataset='CIFAR10', **flags):
    """Config of a classifier of RGB arrays."""
    steps = [dict(type='PackInputs')]
    return dict(
        default_scope='mmpretrain',
        model=dict(type='ImageClassifier'),
        data_preprocessor=dict(mean=[120.0] * 3, std=[60.0] * 3, **flags),
        test_pipeline=steps,
        test_dataloader=dict(dataset=dict(type=dataset, pipeline=steps)),
    )


def segmentation(*steps):
    """Config of a segmentor of drawn faces of 32 px."""
    dataset = dict(type='mmdiffrep.ToyFacesDataset', image_size=32, pipeline=list(steps))
    return dict(
        default_scope='mmseg',
        model=dict(type='EncoderDecoder'),
        test_dataloader=dict(dataset=dataset),
    )


@pytest.mark.parametrize(
    ('flags', 'expected'),
    [
        (dict(), dict(to_rgb=True)),
        (dict(to_rgb=False), dict(to_rgb=True)),
        (dict(to_rgb=True), dict()),
        (dict(rgb_to_bgr=True), dict()),
    ],
)
def test_flags_of_the_preprocessor_are_swapped_for_rgb_data(flags, expected):
    for name in ('CIFAR10', 'mmpretrain.CIFAR100'):
        config = host_config(Config(cifar(name, **flags)))
        settings = config.model.data_preprocessor
        assert {k: v for k, v in settings.items() if 'rgb' in k} == expected
        assert config.test_pipeline[1].scale == (32, 32)


def test_training_and_test_data_of_another_order_are_an_error():
    config = cifar(to_rgb=False)
    loader = dict(type='CustomDataset', pipeline=[dict(type='LoadImageFromFile')])
    config['train_dataloader'] = dict(dataset=loader)
    with pytest.raises(ValueError, match='make train_dataloader and test_dataloader agree'):
        host_config(Config(config))
    config['train_dataloader'] = dict(dataset=dict(type='OwnImages'))
    with pytest.raises(ValueError, match="OwnImages .* say channel_order = 'rgb' or 'bgr'"):
        host_config(Config(config))


def test_steps_of_the_test_pipeline():
    ours = ('mmdiffrep.LoadToyFace', 'LoadAnnotations', 'mmdiffrep.CheckSegMap', 'PackSegInputs')
    exported = host_config(Config(segmentation(*(dict(type=kind) for kind in ours))))
    assert [step['type'] for step in exported.test_pipeline] == [
        'LoadImageFromFile',
        'Resize',
        'PackSegInputs',
    ]
    assert exported.test_pipeline[1].scale == (32, 32)
    assert exported.test_dataloader.dataset.pipeline == exported.test_pipeline


def test_steps_with_a_scope_are_recognized():
    given = ('LoadImageFromFile', 'mmseg.LoadAnnotations', 'mmseg.PackSegInputs')
    exported = host_config(Config(segmentation(*(dict(type=kind) for kind in given))))
    assert [step['type'] for step in exported.test_pipeline] == [
        'LoadImageFromFile',
        'mmseg.PackSegInputs',
    ]
