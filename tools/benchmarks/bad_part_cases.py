# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Wrong arguments of models, hooks, data sets, transforms, metrics, matchers: for bad_input.py."""

import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from bad_config_cases import shown
from bad_recipe_parts import HOOK_PARTS as RECIPE_HOOKS
from bad_recipe_parts import MODEL_PARTS as RECIPE_MODELS

from mmdiffrep.apis import CorrespondenceMatcher
from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.testing.bad_input import Case

# Of no use where a whole number, a number, a flag, a name or several are expected.
COUNT = (-1, 1.5, 'a', True, [1])
NUMBER = (-1, math.nan, 'a', [1])
FLAG = ('False', 2, [])
NAMES = ('', 'abc', 3, ['abc', 'd'])
NUMBERS = ('a', ['a'], [-1], [1.5])
FACES = dict(
    type='mmdiffrep.ToyFacesDataset',
    split='val',
    num_images=2,
    pipeline=[dict(type='mmdiffrep.LoadToyFace'), dict(type='mmdiffrep.PackImage')],
)
BACKBONE = dict(denoiser=tiny_teacher(), taps=['mid'], timesteps=[1])
MODEL_PARTS: dict[str, tuple[dict, dict[str, tuple]]] = {
    'FixedTimestep': ({}, dict(t=COUNT)),
    'UniformTimestep': ({}, dict(high=(0, *COUNT), low=COUNT)),
    'StagedTimestep': (dict(highs=[5]), dict(highs=([], 'a', [0], [1.5], 5))),
    'AnnealedTimestep': ({}, dict(start=COUNT, end=COUNT, until=(2, *NUMBER))),
    'ReinforcedTimestep': (
        dict(num_timesteps=20),
        dict(
            num_samples=(0, *COUNT),
            baseline=NAMES,
            exploration=(1, *NUMBER),
            entropy=NUMBER,
            standardize_reward=FLAG,
            net=(1, 'a', dict(type='abc')),
        ),
    ),
    'SegmentationReward': (
        dict(in_channels=4, num_classes=3),
        dict(num_classes=(0, *COUNT), hidden_channels=(0, *COUNT), ignore_index=(1.5, 'a')),
    ),
    'ClassificationReward': (dict(in_channels=4, num_classes=3), dict(num_classes=(0, *COUNT))),
    'HeatmapReward': (dict(in_channels=4, num_keypoints=3), dict(num_keypoints=(0, *COUNT))),
    'InstanceDiscriminationReward': (
        dict(in_channels=4),
        dict(temperature=(0, *NUMBER), projection=(0, *COUNT)),
    ),
    'DenseFeatureLoss': ({}, dict(distance=NAMES, loss_weight=NUMBER)),
    'ContrastiveLoss': ({}, dict(temperature=(0, *NUMBER))),
    'SoftTargetLoss': ({}, dict(temperature=(0, *NUMBER))),
    'RelationalLoss': ({}, dict(distance_weight=NUMBER)),
    'WeightedCrossEntropyLoss': (dict(class_weight=[1.0]), dict(class_weight=('a', [], [-1], 1))),
    'DPMBackbone': (
        BACKBONE,
        dict(
            taps=('mid', [], ['midd'], 1),
            timesteps=([], [20], [-1], [1.5], ['a'], 'a'),
            noise=('pink', 1, dict(type='shared', sed=1)),
            frozen=FLAG,
            max_side=(0, *COUNT),
            precision=NAMES,
            draws=(0, *COUNT),
            pass_size=(0, *COUNT),
            input=(1, 'rgb', dict(channel_order='rbg'), dict(size=-1), dict(siz=1)),
        ),
    ),
    'MultiProbeHead': (
        dict(num_classes=3, in_channels=[4], taps=['mid'], timesteps=[1]),
        dict(num_classes=(0, *COUNT), in_channels=NUMBERS, taps=([], 'mid'), shown=('abc',)),
    ),
    'DifFormer': (
        dict(in_channels=[4], sides=[4], num_timesteps=1, embed_dims=8, num_heads=2),
        dict(num_heads=(3, 0, *COUNT), norm=NAMES, fuse=NAMES, num_layers=COUNT, sides=NUMBERS),
    ),
    'TapPyramid': (
        dict(in_channels=[4], in_strides=[4], out_channels=32),
        dict(out_channels=(0, *COUNT), num_groups=(5, *COUNT), in_strides=NUMBERS),
    ),
    'PolicyNet': (dict(num_actions=4), dict(num_actions=(0, *COUNT), convolutions=COUNT)),
    'MatchedTimestep': (dict(t=1), dict(t=COUNT)),
    'PixelEnsembleSegmentor': (
        dict(
            backbone=dict(type='mmdiffrep.DPMBackbone', **BACKBONE),
            decode_head=dict(type='mmdiffrep.PixelMLPEnsembleHead', num_classes=3),
        ),
        dict(vote_size=NAMES, backbone=('abc', {}, dict(type='abc')), decode_head=(1, {})),
    ),
}
HOOK_PARTS: dict[str, tuple[dict, dict[str, tuple]]] = {
    'AtomicCheckpointHook': (
        {},
        dict(interval=('a', 1.5, [1]), max_keep_ckpts=('a', 1.5), save_on_sigterm=FLAG),
    ),
    'FiniteLossHook': ({}, dict(interval=(0, *COUNT))),
    'LabelRangeHook': ({}, dict(num_classes=(0, *COUNT))),
    'PolicyLogHook': ({}, dict(interval=(0, *COUNT), num_buckets=(0, *COUNT))),
    'SampleGridHook': ({}, dict(interval=(0, *COUNT), num=(0, *COUNT), sampler=NAMES)),
    'ExportDenoiserHook': ({}, dict(interval=('a', 1.5), dtype=NAMES, folder=(1, ''))),
    'ExactResumeHook': ({}, dict(seed_batches=FLAG)),
    'ProbeHook': (
        dict(train_dataset=FACES, test_dataset=FACES, num_classes=3, taps=['mid'], timesteps=[1]),
        dict(
            num_classes=(0, *COUNT),
            taps=([], 'mid'),
            timesteps=([], ['a'], [1.5]),
            channel_order=NAMES,
            noise=('pink',),
            interval=(0, *COUNT),
        ),
    ),
}
DATA_PARTS: dict[str, tuple[dict, dict[str, tuple]]] = {
    'FewShotSubset': (
        dict(dataset=FACES, num_images=1),
        dict(num_images=(0, 9, *COUNT), repeat=COUNT, dataset=(1, {}, dict(type='abc'))),
    ),
    'BalancedSubset': (
        dict(dataset=dict(FACES, task='cls', attribute='glasses'), fraction=0.5),
        dict(fraction=(0, 2, *NUMBER), seed=COUNT),
    ),
    'LandmarkPairs': (
        dict(dataset=dict(FACES, task='pose')),
        dict(num_pairs=(0, *COUNT), seed=COUNT, warp=FLAG, dataset=('abc', {}, dict(type='abc'))),
    ),
    'FashionMNISTDataset': ({}, dict(split=NAMES, data_root=('nowhere',))),
    'SPair71k': (dict(data_root='nowhere'), dict(split=NAMES, data_root=('nowhere',))),
    'DAVIS': (dict(data_root='nowhere'), dict(data_root=('nowhere',))),
    'HPatches': (dict(data_root='nowhere'), dict(data_root=('nowhere',))),
    'PFPascal': (dict(data_root='nowhere'), dict(data_root=('nowhere',))),
    'ImageListDataset': (dict(data_root='nowhere'), dict(data_root=('nowhere',))),
    'DDPMSegDataset': (
        dict(category='cat_15', split='train'),
        dict(category=NAMES, split=NAMES, data_root=('nowhere',)),
    ),
    'FeatureBankDataset': (
        dict(dataset=FACES, bank=dict(model=tiny_teacher(), taps=['mid'], timesteps=[1])),
        dict(verify=NAMES, max_bytes=COUNT, bank=('nowhere', {}, dict(model='x', tap=1), 1)),
    ),
}
METRIC_PARTS: dict[str, tuple[dict, dict[str, tuple]]] = {
    'PCK': ({}, dict(alphas=('a', ['a'], [-1], [0], [math.nan]), thresholds=(['bix'], [1]))),
    'VisibleNME': (dict(norm_mode='keypoint_distance'), dict(norm_mode=NAMES)),
    'SubsetNME': ({}, dict(ann_file=('nowhere.json',), norm_mode=NAMES)),
    'HomographyAccuracy': ({}, dict(thresholds=(['a'], [-1], 'a'))),
}
TRANSFORM_PARTS: dict[str, tuple[dict, dict[str, tuple]]] = {
    'CheckSegMap': (dict(num_classes=3), dict(num_classes=(0, *COUNT), ignore_index=(1.5, 'a'))),
    'LeftRightFlip': ({}, dict(prob=(2, *NUMBER), pairs=([1], 'a', [(1, 'b')]))),
    'RandomView': (dict(size=8), dict(size=(0, *COUNT), scale=([2, 1], 'a'), flip=(2, *NUMBER))),
}
CALLS: dict[str, tuple[Callable, dict, dict[str, tuple]]] = {
    'FeatureExtractor': (
        FeatureExtractor,
        dict(model=tiny_teacher(), taps=['mid'], timesteps=[1]),
        dict(
            model=('', 'abc', 1, {}),
            taps=('mid', [], ['midd']),
            timesteps=([20], [1.5], ['a'], 1),
            noise=('pink', 1),
            batch_size=(0, *COUNT),
            dtype=NAMES,
            precision=NAMES,
        ),
    ),
    'CorrespondenceMatcher': (
        CorrespondenceMatcher,
        dict(model=tiny_teacher(), taps=['mid'], timesteps=[1]),
        dict(
            model=('', 'abc', 1),
            taps=([], ['midd']),
            timesteps=([20], 1, ['a']),
            preset=NAMES,
            size=(0, *COUNT),
            draws=(0, *COUNT),
            noise=NAMES,
        ),
    ),
    'Condition': (Condition, {}, dict(labels=(1.5, 'a', [1]), prompt_embeds=('a', [1]))),
}


def part_cases() -> Iterator[Case]:
    """Yield each wrong argument of each part."""
    groups: tuple[tuple[str, Any, dict], ...] = (
        ('models', MODELS, MODEL_PARTS),
        ('parts of recipes', MODELS, RECIPE_MODELS),
        ('hooks', HOOKS, {**HOOK_PARTS, **RECIPE_HOOKS}),
        ('data sets', DATASETS, DATA_PARTS),
        ('metrics', METRICS, METRIC_PARTS),
        ('transforms', TRANSFORMS, TRANSFORM_PARTS),
    )
    for group, registry, parts in groups:
        for name, (base, wrong) in parts.items():
            for key, value in _pairs(wrong):
                config = {'type': f'mmdiffrep.{name}', **base, key: value}
                run = functools.partial(_build, registry=registry, config=config)
                yield Case(group, f'{name} {key}={value!r}', run, _names(key), given=shown(value))
    for name, (call, base, wrong) in CALLS.items():
        for key, value in _pairs(wrong):
            run = functools.partial(_call, function=call, arguments={**base, key: value})
            yield Case('python', f'{name} {key}={value!r}', run, _names(key), given=shown(value))


def _names(key: str) -> tuple[str, ...]:
    """Return how a message names a key: a folder or file by its path."""
    return (key, 'nowhere') if key in ('data_root', 'ann_file', 'bank') else (key,)


def _pairs(wrong: dict[str, tuple]) -> Iterator[tuple[str, Any]]:
    for key, values in wrong.items():
        for value in values:
            yield key, value


def _build(_: Path, registry: Any, config: dict) -> None:
    torch.set_num_threads(1)
    built = registry.build(config)
    if hasattr(built, 'full_init'):
        built.full_init()


def _call(_: Path, function: Callable, arguments: dict) -> None:
    function(**arguments)
