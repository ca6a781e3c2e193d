# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Errors of wrong arguments, of every kind of part: the key, what was given, what is expected."""

import pytest

from mmdiffrep.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS, build_part
from mmdiffrep.testing import tiny_teacher

BACKBONE = dict(type='mmdiffrep.DPMBackbone', denoiser=tiny_teacher(), taps=['mid'], timesteps=[1])
FACES = dict(type='mmdiffrep.ToyFacesDataset', split='val', num_images=2)
GLASSES = dict(FACES, task='cls', attribute='glasses')
PROBE = dict(
    type='mmdiffrep.ProbeHook',
    train_dataset=FACES,
    test_dataset=FACES,
    num_classes=3,
    taps=['mid'],
    timesteps=[1],
)


@pytest.mark.parametrize(
    ('registry', 'config', 'message'),
    [
        (MODELS, dict(BACKBONE, frozen='False'), "frozen must be bool, got 'False'"),
        (MODELS, dict(BACKBONE, max_side='a'), "max_side must be int, got 'a'"),
        (MODELS, dict(BACKBONE, taps=1), 'taps must be a list of tap names .* got 1'),
        (MODELS, dict(BACKBONE, timesteps=['a']), r"each of timesteps must be int, got 'a'"),
        (MODELS, dict(BACKBONE, input='rgb'), "input must be dict or None, got 'rgb'"),
        (MODELS, dict(BACKBONE, input=dict(channel_order='rbg')), "input: .* got 'rbg'"),
        (MODELS, dict(BACKBONE, input=dict(size=-1)), 'input: size must be at least 1, got -1'),
        (MODELS, dict(type='mmdiffrep.PolicyNet', num_actions=0), 'num_actions must be at least 1'),
        (
            MODELS,
            dict(type='mmdiffrep.WeightedCrossEntropyLoss', class_weight=[]),
            r'class_weight must have at least one item, got \[\]',
        ),
        (
            MODELS,
            dict(
                type='mmdiffrep.SegmentationReward', in_channels=1, num_classes=2, ignore_index=''
            ),
            "ignore_index must be int, got ''",
        ),
        (HOOKS, dict(PROBE, num_classes='a'), "num_classes must be int, got 'a'"),
        (HOOKS, dict(PROBE, taps='mid'), "taps must be a list, got 'mid'"),
        (HOOKS, dict(PROBE, timesteps=[1.5]), 'each of timesteps must be int, got 1.5'),
        (HOOKS, dict(PROBE, channel_order='brg'), "channel_order must be one of .* got 'brg'"),
        (HOOKS, dict(type='mmdiffrep.LabelRangeHook', num_classes=0), 'num_classes must be at'),
        (HOOKS, dict(type='mmdiffrep.AtomicCheckpointHook', interval='a'), 'interval must be int'),
        (
            HOOKS,
            dict(type='mmdiffrep.AtomicCheckpointHook', save_on_sigterm='False'),
            "save_on_sigterm must be bool, got 'False'",
        ),
        (HOOKS, dict(type='mmdiffrep.ExportDenoiserHook', folder=''), 'folder must be a name'),
        (HOOKS, dict(type='mmdiffrep.ExportBackboneHook', filename=1), 'filename must be str'),
        (
            HOOKS,
            dict(type='mmdiffrep.SampleGridHook', sampler=3),
            'sampler must be one of .* got 3',
        ),
        (METRICS, dict(type='mmdiffrep.PCK', alphas='a'), "alphas must be a list, got 'a'"),
        (METRICS, dict(type='mmdiffrep.VisibleNME', norm_mode=''), 'norm_mode must be one of'),
        (
            TRANSFORMS,
            dict(type='mmdiffrep.LeftRightFlip', pairs=[1]),
            'each of pairs must be list or tuple, got 1',
        ),
        (
            DATASETS,
            dict(type='mmdiffrep.BalancedSubset', dataset=GLASSES, fraction=0.5),
            'dataset: a ToyFacesDataset knows no gt_label',
        ),
    ],
)
def test_a_wrong_argument_is_named(registry, config, message):
    with pytest.raises((TypeError, ValueError), match=message):
        registry.build(config)


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        ('ResNet', "backbone must be dict, got 'ResNet'"),
        ({}, 'backbone needs a `type`.*got {}'),
        (dict(type='abc'), "backbone: type must .*'abc' is not in the model registry"),  # a module
        (dict(type='DPMBackbon'), 'Did you mean mmdiffrep.DPMBackbone'),
        (dict(type='mmdiffrep.DPMBackbon'), 'Did you mean mmdiffrep.DPMBackbone'),
        (
            dict(type='mmdiffrep.PoolFlatten', pol=1),
            "backbone: .*unexpected keyword argument 'pol'",
        ),
    ],
)
def test_a_part_names_its_key(cfg, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build_part(MODELS, cfg, 'backbone')
