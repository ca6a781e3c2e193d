# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Wrong arguments of the parts of recipes: connectors, losses, targets, probes, matchers."""

import math

from mmdiffrep.testing import tiny_teacher

COUNT = (-1, 0, 1.5, 'a', True, [1])
NUMBER = (-1, math.nan, 'a', [1])
SHARE = (2, *NUMBER)
NAMES = ('', 'abc', 3, ['abc', 'd'])
WIDTHS = (4, 'a', [], [0], ['a'], [1.5])
PART = ('abc', 1, {}, dict(type='abc'))
RESNET = dict(type='mmpretrain.ResNet', depth=18, base_channels=4, stem_channels=4)
MATCHER = dict(model=tiny_teacher(), taps=['mid'], timesteps=[1])
UNET = tiny_teacher()['unet']

MODEL_PARTS: dict[str, tuple[dict, dict[str, tuple]]] = {
    'ConvConnector': (
        dict(in_channels=4, out_channels=4),
        dict(in_channels=COUNT, out_channels=COUNT, kernel_size=(2, *COUNT)),
    ),
    'MLPConnector': (
        dict(in_channels=4, out_channels=4),
        dict(in_channels=COUNT, hidden_channels=COUNT, layer_norm=('a', 2), activation=NAMES),
    ),
    'HypercolumnConnector': (
        dict(in_channels=[4], out_channels=4),
        dict(in_channels=WIDTHS, out_channels=COUNT),
    ),
    'PyramidConnector': (
        dict(in_channels=[4], channels=8),
        dict(in_channels=WIDTHS, channels=COUNT, pool_sizes=WIDTHS),
    ),
    'TimestepConnector': (
        dict(in_channels=4, out_channels=4),
        dict(in_channels=COUNT, depth=COUNT, expansion=COUNT),
    ),
    'ConvPool': (
        dict(in_channels=[4], side=4, channels=[4]),
        dict(in_channels=WIDTHS, side=COUNT, channels=WIDTHS, num_timesteps=COUNT),
    ),
    'Hyperfeatures': (
        dict(in_channels=[4], out_channels=8, num_groups=4),
        dict(in_channels=WIDTHS, out_channels=COUNT, num_groups=(3, *COUNT), num_blocks=COUNT),
    ),
    'LazyHypercolumn': (
        dict(in_channels=[4], in_strides=[4]),
        dict(in_channels=WIDTHS, in_strides=WIDTHS),
    ),
    'PatchRelationLoss': ({}, dict(size=(1, *COUNT), temperature=(0, *NUMBER))),
    'PooledFeatureLoss': ({}, dict(distance=NAMES, loss_weight=NUMBER)),
    'AttentionTransferLoss': ({}, dict(distance=NAMES, loss_weight=NUMBER)),
    'DenseSoftTargetLoss': ({}, dict(temperature=(0, *NUMBER), loss_weight=NUMBER)),
    'LayerNormTarget': (dict(channels=4), dict(over=NAMES, eps=(0, *NUMBER))),
    'SimCCReward': (dict(in_channels=4, num_keypoints=3), dict(num_keypoints=COUNT)),
    'StratifiedTimestep': ({}, dict(bins=COUNT, low=(-1, 'a', 1.5), high=(0, *COUNT))),
    'HostBackbone': (
        dict(backbone=RESNET),
        dict(backbone=PART, layers=('layer1', ['layerx'], [], [1]), size=COUNT),
    ),
    'LibraryBackbone': (
        dict(name='torchvision:resnet18'),
        dict(name=NAMES, layers=(['layerx'], [1]), init=NAMES, options=('a', dict(abc=1))),
    ),
    'EncoderTeacher': (
        dict(network='torchvision:resnet18', taps=['layer1'], init='random'),
        dict(
            network=NAMES,
            taps=([], 'layer1', ['layerx'], 1),
            channel_order=NAMES,
            size=COUNT,
            normalization=(1, dict(mean=[0.0] * 3), dict(channel_order='rbg')),
            precision=NAMES,
            checkpoint=('nowhere.pth',),
        ),
    ),
    'DDPM': (
        dict(unet=UNET),
        dict(
            unet=('a', {}, dict(sample_size=0)),
            scheduler=('a', dict(type='abc')),
            seed=(-1, 'a'),
        ),
    ),
    'EDM': (
        dict(unet=UNET),
        dict(unet=('a', {}), p_std=(0, *NUMBER), augment_prob=SHARE, seed=(-1, 'a', 1.5)),
    ),
    'PointMatcher': (
        dict(matcher=MATCHER),
        dict(matcher=PART, cache_size=(-1, 1.5, 'a'), prompt=(1,)),
    ),
    'HomographyMatcher': (
        dict(matcher=MATCHER),
        dict(
            matcher=PART, metric=NAMES, method=NAMES, threshold=(0, *NUMBER), cache_size=(-1, 'a')
        ),
    ),
    'VideoPropagator': (
        dict(matcher=MATCHER),
        dict(matcher=PART, propagation=('a', dict(abc=1)), stride=COUNT),
    ),
    'WideResNetCIFAR': (
        {},
        dict(depth=(27, *COUNT), widen_factor=COUNT, out_indices=('a', [], [9], ['a'])),
    ),
    'MixupPreprocessor': ({}, dict(alpha=(0, *NUMBER))),
}
HOOK_PARTS: dict[str, tuple[dict, dict[str, tuple]]] = {
    'FreezeFirstHook': ({}, dict(layers=('backbone', [1], 3), until=(0, *SHARE))),
    'KNNProbeHook': (
        dict(data_root='nowhere', size=8, interval=1),
        dict(size=COUNT, interval=COUNT, k=COUNT, batch_size=COUNT),
    ),
    'LearningWatchHook': ({}, dict(share=(0, 1, *SHARE), least=SHARE)),
    'MapRankHook': (
        {},
        dict(interval=COUNT, num_images=COUNT, noise_level=SHARE, taps=('mid', [], [1])),
    ),
    'ExportBackboneHook': ({}, dict(filename=('', 1, ['a']))),
}
