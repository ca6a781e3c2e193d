# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A pre-trained student in a model of each host: every weight of the backbone comes from it."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmdiffrep.apis import pretrain
from mmdiffrep.utils.host_models import build_host_model

TEACHER = 'random:torchvision:shufflenet_v2_x0_5'
STUDENTS = {
    'host': (
        dict(type='mmpretrain.ResNet', depth=18, base_channels=4, stem_channels=4),
        (4, 8, 16, 32),
    ),
    'library': ('torchvision:shufflenet_v2_x0_5', (24, 48, 96, 1024)),
}


@pytest.fixture(scope='module', params=list(STUDENTS))
def student(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp('photos')
    for index in range(4):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f'{index}.png')
    config, channels = STUDENTS[request.param]
    out = tmp_path_factory.mktemp('runs') / 'a'
    result = pretrain(folder, config, TEACHER, out, epochs=2, num_workers=0, size=32)
    backbone = copy.deepcopy(result.backbone)
    if request.param == 'host':
        backbone['out_indices'] = (0, 1, 2, 3)
    return backbone, channels, torch.load(result.weights, weights_only=True)


def model_of(host, backbone, channels):
    last = channels[-1]
    models = {
        'mmseg': dict(
            type='EncoderDecoder',
            backbone=backbone,
            decode_head=dict(
                type='FCNHead', in_channels=last, channels=4, num_convs=1, num_classes=2
            ),
            test_cfg=dict(mode='whole'),
        ),
        'mmpose': dict(
            type='TopdownPoseEstimator',
            backbone=backbone,
            head=dict(
                type='HeatmapHead',
                in_channels=last,
                out_channels=3,
                deconv_out_channels=None,
                loss=dict(type='KeypointMSELoss'),
            ),
        ),
        'mmpretrain': dict(
            type='ImageClassifier',
            backbone=backbone,
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=2, in_channels=last),
        ),
        'mmdet': dict(
            type='RetinaNet',
            data_preprocessor=dict(type='DetDataPreprocessor'),
            backbone=backbone,
            neck=dict(type='FPN', in_channels=list(channels), out_channels=8, num_outs=5),
            bbox_head=dict(
                type='RetinaHead',
                num_classes=2,
                in_channels=8,
                stacked_convs=1,
                feat_channels=8,
                anchor_generator=dict(
                    type='AnchorGenerator',
                    octave_base_scale=4,
                    scales_per_octave=1,
                    ratios=[1.0],
                    strides=[4, 8, 16, 32, 64],
                ),
                bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
            ),
        ),
    }
    return build_host_model(Config(dict(default_scope=host, model=models[host])))


@pytest.mark.parametrize('host', ['mmseg', 'mmpose', 'mmpretrain', 'mmdet'])
def test_no_key_is_missing(host, student):
    backbone, channels, saved = student
    model = model_of(host, backbone, channels)
    model.init_weights()
    network = getattr(model.backbone, 'network', model.backbone)
    state = network.state_dict()
    assert state.keys() == saved.keys()
    assert all(torch.equal(state[name], saved[name]) for name in saved)
    maps = model.backbone(torch.randn(1, 3, 64, 64))
    assert tuple(x.shape[1] for x in maps) == channels
