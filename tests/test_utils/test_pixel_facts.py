# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Channel order and normalization read off a config, held against the pipelines themselves."""

import cv2
import numpy as np
import pytest
import torch
import torchvision
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from mmdiffrep.registry import DATASETS, TRANSFORMS
from mmdiffrep.utils.pixel_facts import (
    channel_order_of,
    dataset_order,
    network_normalization,
    network_order_of,
    packed_pixels,
    reads_cifar,
    source_of,
)

FILE = dict(type='LoadImageFromFile')
PACK = dict(type='PackInputs')
CIFAR = [dict(type='CIFAR10'), dict(type='mmpretrain.CIFAR100')]
FILES = dict(type='CustomDataset', pipeline=[dict(type='mmpretrain.LoadImageFromFile')])
POSES = dict(
    type='CombinedDataset', datasets=[dict(FILES, pipeline=[dict(type='mmpose.LoadImage')])]
)
MEMORY = dict(type='SomeDataset', pipeline=[PACK])
GRAY = dict(type='mmdiffrep.FashionMNISTDataset', pipeline=[PACK])


@TRANSFORMS.register_module(force=True)
class OwnColorStep(BaseTransform):
    """Of the kind that users write; nobody else knows that it swaps red and blue."""

    def transform(self, results):
        return dict(results, img=np.ascontiguousarray(results['img'][..., ::-1]))


OwnColorStep.__module__ = 'somebodys_project.transforms'
OWN = dict(type='mmdiffrep.OwnColorStep')


def reading(*steps, loader=FILE):
    return dict(type='CustomDataset', pipeline=[loader, *steps, PACK])


def config(dataset=None, **flags):
    loader = dict(train_dataloader=dict(dataset=dataset)) if dataset else {}
    return Config(
        dict(default_scope='mmpretrain', model=dict(data_preprocessor=flags or None), **loader)
    )


def both_orders(dataset=None, **flags):
    """The order in which images are packed, and the network's."""
    cfg = config(dataset, **flags)
    return channel_order_of(cfg, 'do so'), network_order_of(cfg, 'do so')


@pytest.mark.parametrize(
    ('dataset', 'flags', 'orders'),
    [
        (None, dict(to_rgb=True), ('bgr', 'rgb')),
        (None, dict(rgb_to_bgr=True), ('rgb', 'bgr')),
        (FILES, {}, ('bgr', 'bgr')),
        (FILES, dict(to_rgb=False), ('bgr', 'bgr')),
        (FILES, dict(bgr_to_rgb=True), ('bgr', 'rgb')),
        (POSES, dict(bgr_to_rgb=False), ('bgr', 'bgr')),
        (MEMORY, dict(to_rgb=True), ('bgr', 'rgb')),
        (MEMORY, dict(rgb_to_bgr=True), ('rgb', 'bgr')),
        (CIFAR[0], dict(to_rgb=False), ('rgb', 'rgb')),
        (CIFAR[1], dict(to_rgb=True), ('rgb', 'bgr')),
        (CIFAR[0], dict(rgb_to_bgr=True), ('rgb', 'bgr')),
        (dict(type='RepeatDataset', dataset=CIFAR[1]), dict(to_rgb=False), ('rgb', 'rgb')),
        (dict(type='ConcatDataset', datasets=CIFAR), dict(bgr_to_rgb=True), ('rgb', 'bgr')),
        (dict(type='ConcatDataset', datasets=[FILES, MEMORY]), dict(to_rgb=True), ('bgr', 'rgb')),
        (dict(type='ConcatDataset', datasets=[GRAY, CIFAR[0]]), dict(to_rgb=False), ('rgb', 'rgb')),
        (GRAY, dict(to_rgb=False), ('bgr', 'bgr')),
        (dict(type='mmpretrain.MNIST', pipeline=[PACK]), dict(mean=[33.0]), ('bgr', 'bgr')),
    ],
)
def test_orders_of_data_sets(dataset, flags, orders):
    assert both_orders(dataset, **flags) == orders


@pytest.mark.parametrize(
    'loader',
    [
        dict(FILE, color_type='color_ignore_orientation'),
        dict(FILE, imdecode_backend='pillow'),
        dict(FILE, to_float32=True),
        dict(type='mmseg.LoadImageFromFile'),
        dict(type='mmpose.LoadImage'),
        dict(type='mmdet.LoadImageFromFile', backend_args=None),
        dict(type='mmdiffrep.LoadToyFace'),
    ],
)
def test_what_reads_files_as_bgr(loader):
    assert both_orders(reading(loader=loader), to_rgb=False) == ('bgr', 'bgr')


PIPELINES = [
    [],
    [dict(type='NumpyToPIL', to_rgb=True), dict(type='PILToNumpy')],
    [dict(type='NumpyToPIL', to_rgb=True), dict(type='PILToNumpy', to_bgr=True)],
    [dict(type='ToPIL'), dict(type='ToNumpy', to_bgr=True)],
    [
        dict(type='NumpyToPIL', to_rgb=True),
        dict(type='torchvision/RandomHorizontalFlip', p=0.0),
        dict(type='torchvision/PILToTensor'),
    ],
    [dict(type='NumpyToPIL', to_rgb=True), dict(type='torchvision/ToTensor')],
    [
        dict(type='NumpyToPIL', to_rgb=True),
        dict(type='torchvision/PILToTensor'),
        dict(type='torchvision/ConvertImageDtype', dtype='float'),
        dict(type='torchvision/Normalize', mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4]),
    ],
    [dict(type='Normalize', mean=[10.0, 20.0, 30.0], std=[4.0, 5.0, 6.0])],
    [dict(type='Normalize', mean=[10.0, 20.0, 30.0], std=[4.0, 5.0, 6.0], to_rgb=False)],
    [
        dict(type='NumpyToPIL', to_rgb=True),
        dict(type='torchvision/Compose', transforms=[torchvision.transforms.ToTensor()]),
    ],
    [dict(type='mmseg.RGB2Gray')],
    [dict(type='RandomApply', transforms=[dict(type='RandomFlip', prob=1.0)], prob=0.0)],
]
PREPROCESSORS = [
    dict(to_rgb=False),
    dict(mean=[1.0, 2.0, 3.0], std=[7.0, 8.0, 9.0], to_rgb=False),
    dict(mean=[1.0, 2.0, 3.0], std=[7.0, 8.0, 9.0], to_rgb=True),
    dict(mean=[127.5], std=[127.5], to_rgb=False),
]


@pytest.mark.parametrize('flags', PREPROCESSORS)
@pytest.mark.parametrize('steps', PIPELINES)
def test_the_normalization_turns_a_file_into_what_the_network_gets(steps, flags, tmp_path):
    """Run pipeline and preprocessor, and compute the same from the derived numbers."""
    from mmpretrain.models import ClsDataPreprocessor

    rgb = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    gray = any(step['type'].endswith('RGB2Gray') for step in steps)
    rgb = rgb[..., :1].repeat(3, axis=2) if gray else rgb
    cv2.imwrite(str(tmp_path / 'a.png'), rgb[..., ::-1])
    dataset = reading(*steps)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        packed = Compose(dataset['pipeline'])(dict(img_path=str(tmp_path / 'a.png')))
    batch = dict(inputs=[packed['inputs']], data_samples=[packed['data_samples']])
    seen = ClsDataPreprocessor(**flags)(batch)['inputs'][0].float()
    found = network_normalization(config(dataset, **flags), 'do so')
    pixels = torch.from_numpy(rgb.transpose(2, 0, 1).copy()).double()
    pixels = pixels.flip(0) if found['channel_order'] == 'bgr' else pixels
    mean, std = (
        torch.tensor(found[key] or [default] * 3).double().view(3, 1, 1)
        for key, default in (('mean', 0.0), ('std', 1.0))
    )
    atol = 0.2 if gray else 1e-5  # its weights sum to 0.9999
    torch.testing.assert_close(seen.double(), (pixels - mean) / std, atol=atol, rtol=1e-5)


@pytest.mark.parametrize(
    ('dataset', 'flags', 'message'),
    [
        (None, {}, 'the config reads no files by mmcv: do so'),
        (None, dict(to_rgb=False), 'converts no colors, and the config reads no files'),
        (MEMORY, dict(to_rgb=False), 'SomeDataset reads no files by mmcv .*: do so'),
        (FILES, dict(rgb_to_bgr=True), 'says that they come as RGB.*bgr_to_rgb=True, or do so'),
        (
            dict(type='ConcatDataset', datasets=[CIFAR[0], FILES]),
            dict(to_rgb=True),
            r'the data mixes CIFAR10 \(RGB\) and CustomDataset \(BGR\): do so',
        ),
        (
            dict(
                type='ConcatDataset',
                datasets=[reading(), reading(dict(type='Normalize', mean=[1.0], std=[2.0]))],
            ),
            dict(to_rgb=True),
            'the data mixes .* mean ',
        ),
        (reading(loader=dict(FILE, color_type='unchanged')), {}, "color_type='unchanged'"),
        (reading(loader=dict(FILE, imdecode_backend='tifffile')), {}, "backend='tifffile'"),
        (reading(loader=dict(type='mmseg.LoadImageFromNDArray')), {}, 'LoadImageFromNDArray'),
        (reading(OWN), {}, 'what the transform OwnColorStep does to colors'),
        (reading(dict(type='NoSuchStep')), {}, 'what the transform NoSuchStep does to colors'),
        (reading(dict(type='torchvision/Lambda', lambd=None)), {}, 'torchvision/Lambda'),
        (
            reading(
                dict(type='Albu', transforms=[dict(type='OneOf', transforms=[dict(type='ToRGB')])])
            ),
            {},
            'Albu with ToRGB',
        ),
        (
            reading(
                dict(type='RandomApply', prob=0.5, transforms=[dict(type='ToPIL', to_rgb=True)])
            ),
            {},
            'what RandomApply chooses',
        ),
    ],
)
def test_an_order_that_is_unknown_is_not_guessed(dataset, flags, message):
    with pytest.raises(ValueError, match=f'channel order of the images is unknown: .*{message}'):
        both_orders(dataset, **flags)


def test_a_flag_of_the_preprocessor_says_what_an_own_transform_gives():
    assert both_orders(reading(OWN), bgr_to_rgb=True) == ('bgr', 'rgb')


@pytest.mark.parametrize(
    ('declared', 'order'), [('same', 'bgr'), ('rgb', 'rgb'), ('bgr', 'bgr'), ('gray', 'bgr')]
)
def test_an_own_transform_may_say_it(declared, order, monkeypatch):
    monkeypatch.setattr(OwnColorStep, 'channel_order', declared, raising=False)
    assert both_orders(reading(OWN), to_rgb=False) == (order, order)


def test_an_own_data_set_may_say_it(monkeypatch):
    kind = type('OwnImages', (), {})
    DATASETS.register_module(module=kind, force=True)
    own = dict(type='mmdiffrep.OwnImages', pipeline=[PACK])
    with pytest.raises(ValueError, match='OwnImages reads no files by mmcv .its class may say'):
        both_orders(own)
    kind.channel_order = 'rgb'
    assert both_orders(own) == ('rgb', 'rgb')


def test_values_that_are_unknown_are_not_guessed():
    stretched = reading(dict(type='mmseg.Rerange'))
    with pytest.raises(ValueError, match='values .* unknown: Rerange stretches .*: do so'):
        network_normalization(config(stretched, to_rgb=True), 'do so')


def test_transforms_that_are_built_already():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        kinds = [FILE, dict(type='ToPIL', to_rgb=True), dict(type='torchvision/ToTensor')]
        steps = [TRANSFORMS.build(step) for step in kinds]
    found = packed_pixels(dict(type='CustomDataset', pipeline=steps))
    assert (found.order, found.std) == ('rgb', (255.0,) * 3)


def test_the_order_of_a_data_set_alone():
    assert dataset_order(dict(CIFAR[0], pipeline=[]), 'do so') == 'rgb'
    assert dataset_order(FILES, 'do so') == 'bgr'
    with pytest.raises(ValueError, match='SomeDataset reads no files by mmcv .*: do so'):
        dataset_order(dict(type='SomeDataset'), 'do so')


def test_cifar_is_known_inside_wrappers():
    for dataset in (CIFAR[0], dict(type='ConcatDataset', datasets=CIFAR)):
        assert reads_cifar(Config(dict(val_dataloader=dict(dataset=dataset))))
    assert not reads_cifar(Config(dict(train_dataloader=dict(dataset=FILES))))
    assert not reads_cifar(Config(dict()))
    assert source_of(dict(type='RepeatDataset', dataset=CIFAR[0])).side == 32
    assert source_of(FILES) is None
