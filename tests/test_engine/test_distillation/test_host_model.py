# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from mmdiffrep.engine.distillation.host_model import reward_of, student_channels
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import tiny_runner, tiny_segmentor
from mmdiffrep.testing.tiny_distillation import hook_cfg


def test_a_run_that_could_not_be_resumed_is_told(tmp_path, caplog):
    warned = []
    for kind in ('CheckpointHook', 'mmdiffrep.AtomicCheckpointHook'):
        runner = tiny_runner(
            tmp_path / kind, 1, [hook_cfg()], default_hooks=dict(checkpoint=dict(type=kind))
        )
        with caplog.at_level('WARNING'):
            caplog.clear()
            runner.logger.addHandler(caplog.handler)
            runner.train()
        warned.append('cannot be resumed as usual' in caplog.text)
    assert warned == [True, False]


class Empty(BaseModel):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        raise ValueError('224 px only')


def test_reward_follows_the_head():
    segmentor = MODELS.build(tiny_segmentor(num_classes=4))
    assert reward_of(segmentor) == dict(
        type='mmdiffrep.SegmentationReward', num_classes=4, ignore_index=255
    )
    model = nn.Module()
    model.head = nn.Module()
    model.head.num_classes = 10
    assert reward_of(model) == dict(type='mmdiffrep.ClassificationReward', num_classes=10)
    model.head = nn.Module()
    model.head.out_channels = 98
    assert reward_of(model) == dict(type='mmdiffrep.HeatmapReward', num_keypoints=98)
    with pytest.raises(TypeError, match='no reward is known for Linear'):
        reward_of(nn.Linear(1, 1))


def test_channels_are_found_without_a_trace():
    model = MODELS.build(tiny_segmentor(norm='BN')).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    assert student_channels(model, ['backbone[0]', 'backbone.layer4']) == (4, 32)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(random_state, torch.get_rng_state())
    assert model.training and model.backbone.layer4.training
    assert not any(module._forward_hooks for module in model.modules())


def test_failed_pass_asks_for_the_channels():
    model = Empty()
    model.layer = nn.Linear(3, 3)
    with pytest.raises(ValueError, match='224 px only.*student_channels'):
        student_channels(model, ['layer'])


def test_wrong_index_does_not_ask_for_the_channels():
    model = MODELS.build(tiny_segmentor(norm='BN'))
    with pytest.raises(ValueError, match=r"layer 'backbone' returns 4 features: .* got 7"):
        student_channels(model, ['backbone[7]'])
    assert not any(module._forward_hooks for module in model.modules())
