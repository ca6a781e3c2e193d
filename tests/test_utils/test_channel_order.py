# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config

from mmdiffrep.utils.channel_order import channel_order_of, network_order_of, reads_cifar

CIFAR = [dict(type='CIFAR10'), dict(type='mmpretrain.CIFAR100')]
FILES = dict(type='CustomDataset', pipeline=[dict(type='mmpretrain.LoadImageFromFile')])
POSES = dict(type='CombinedDataset', datasets=[dict(FILES, pipeline=[dict(type='LoadImage')])])
MEMORY = dict(type='SomeDataset', pipeline=[dict(type='PackInputs')])
COLOR = dict(type='SomeDataset', pipeline=[dict(type='LoadImageFromFile', color_type='color')])
RAW = dict(type='SomeDataset', pipeline=[dict(type='LoadImageFromFile', color_type='unchanged')])


def both_orders(dataset=None, **flags):
    """The order in which images are loaded, and the network's."""
    loader = dict(train_dataloader=dict(dataset=dataset)) if dataset else {}
    cfgs = (
        Config(dict(data_preprocessor=flags or None, **loader)),
        Config(dict(model=dict(data_preprocessor=flags or None), **loader)),
    )
    (found,) = {(channel_order_of(cfg, 'do so'), network_order_of(cfg, 'do so')) for cfg in cfgs}
    return found


@pytest.mark.parametrize(
    ('dataset', 'flags', 'orders'),
    [
        (None, {}, ('bgr', 'bgr')),
        (None, dict(to_rgb=True), ('bgr', 'rgb')),
        (None, dict(rgb_to_bgr=True), ('rgb', 'bgr')),
        (FILES, dict(to_rgb=False), ('bgr', 'bgr')),
        (FILES, dict(bgr_to_rgb=True), ('bgr', 'rgb')),
        (POSES, dict(bgr_to_rgb=False), ('bgr', 'bgr')),
        (COLOR, dict(to_rgb=False), ('bgr', 'bgr')),
        (MEMORY, dict(to_rgb=True), ('bgr', 'rgb')),
        (MEMORY, dict(rgb_to_bgr=True), ('rgb', 'bgr')),
        (CIFAR[0], dict(to_rgb=False), ('rgb', 'rgb')),
        (CIFAR[1], dict(to_rgb=True), ('rgb', 'bgr')),
        (CIFAR[0], dict(rgb_to_bgr=True), ('rgb', 'bgr')),
        (dict(type='RepeatDataset', dataset=CIFAR[1]), dict(to_rgb=False), ('rgb', 'rgb')),
        (dict(type='ConcatDataset', datasets=CIFAR), dict(bgr_to_rgb=True), ('rgb', 'bgr')),
    ],
)
def test_orders(dataset, flags, orders):
    assert both_orders(dataset, **flags) == orders


@pytest.mark.parametrize(
    ('dataset', 'flags', 'message'),
    [
        (None, dict(to_rgb=False), 'the config reads no files'),
        (MEMORY, dict(to_rgb=False), r"\['SomeDataset'\] reads no files by mmcv: do so"),
        (RAW, dict(to_rgb=False), 'reads no files'),
        (FILES, dict(rgb_to_bgr=True), 'says that they come as RGB.*bgr_to_rgb=True, or do so'),
        (
            dict(type='ConcatDataset', datasets=[CIFAR[0], FILES]),
            dict(to_rgb=True),
            r"mixes \['CIFAR10'\].*with \['CustomDataset'\].*: do so",
        ),
    ],
)
def test_an_order_that_is_unknown_is_not_guessed(dataset, flags, message):
    with pytest.raises(ValueError, match=f'channel order of the images is unknown: .*{message}'):
        both_orders(dataset, **flags)


def test_cifar_is_known_inside_wrappers():
    for dataset in (CIFAR[0], dict(type='ConcatDataset', datasets=CIFAR)):
        assert reads_cifar(Config(dict(val_dataloader=dict(dataset=dataset))))
    assert not reads_cifar(Config(dict(train_dataloader=dict(dataset=FILES))))
    assert not reads_cifar(Config(dict()))
