# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A trained host model as the teacher, alone and in a run."""

import pytest
import torch
from mmengine.config import Config

from mmdiffrep.models.teachers import DPMTeacher, HostTeacher, build_teacher
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import tiny_runner, tiny_teacher
from mmdiffrep.testing.tiny import tiny_segmentor

MEAN, STD = [120.0, 110.0, 100.0], [60.0, 55.0, 50.0]
CLASSIFIER = dict(
    default_scope='mmpretrain',
    model=dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=4, stem_channels=4),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=5, in_channels=32),
    ),
    data_preprocessor=dict(num_classes=5, mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], to_rgb=False),
    train_dataloader=dict(
        dataset=dict(type='CustomDataset', pipeline=[dict(type='LoadImageFromFile')])
    ),
)
TAPS = ['backbone.layer1', 'backbone', 'head.fc']


@pytest.fixture
def teacher_cfg(tmp_path):
    """A config as a dict, and a checkpoint of a model with statistics of its own."""
    model = MODELS.build(
        {
            **CLASSIFIER['model'],
            'type': 'mmpretrain.ImageClassifier',
            'data_preprocessor': {
                **CLASSIFIER['data_preprocessor'],
                'type': 'mmpretrain.ClsDataPreprocessor',
            },
        }
    )
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    path = tmp_path / 'teacher.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(epoch=1)), path)
    return dict(type='mmdiffrep.HostTeacher', config=CLASSIFIER, checkpoint=str(path))


def build(cfg, taps=TAPS, **kwargs):
    return build_teacher(cfg, taps=taps, mean=MEAN, std=STD, channel_order='rgb', **kwargs)


def test_taps_and_normalization_are_those_of_the_model_itself(teacher_cfg):
    teacher = build(teacher_cfg)
    pixels = torch.randint(0, 256, (2, 3, 32, 32)).float()  # RGB
    images = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    features = teacher(teacher.to_input(images), torch.zeros(2, dtype=torch.long))
    own_mean, own_std = (
        torch.tensor(CLASSIFIER['data_preprocessor'][key]).view(3, 1, 1) for key in ('mean', 'std')
    )
    model = teacher.model
    seen = (pixels.flip(1) - own_mean) / own_std  # this model reads files as BGR
    with torch.no_grad():
        stages = model.extract_feat(seen, stage='backbone')
        logits = model(seen, None, mode='tensor')
    torch.testing.assert_close(features[1], stages[-1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(features[2], logits, atol=1e-4, rtol=1e-4)
    assert [feature.shape[1] for feature in features] == list(teacher.channels) == [4, 32, 5]


def test_timesteps_play_no_part(teacher_cfg):
    teacher = build(teacher_cfg)
    images = torch.randn(2, 3, 32, 32).clamp(-1.5, 1.5)
    first, second = (teacher(teacher.to_input(images), torch.full((2,), t)) for t in (0, 500))
    assert teacher.num_timesteps is None
    assert all(torch.equal(a, b) for a, b in zip(first, second))


def test_size_is_what_the_model_sees(teacher_cfg):
    teacher = build(teacher_cfg, size=16)
    features = teacher(teacher.to_input(torch.zeros(1, 3, 32, 32)), torch.zeros(1))
    assert features[0].shape == (1, 4, 16, 16)


def test_frozen_means_frozen(teacher_cfg):
    teacher = build(teacher_cfg).train()
    assert not any(module.training for module in teacher.modules())
    assert not any(param.requires_grad for param in teacher.parameters())
    images = torch.zeros(2, 3, 32, 32, requires_grad=True)
    assert not teacher(teacher.to_input(images), torch.zeros(2))[0].requires_grad


def test_config_may_be_a_file_a_name_or_one_of_a_host(teacher_cfg, tmp_path):
    Config(CLASSIFIER).dump(tmp_path / 'teacher.py')
    from_file = build({**teacher_cfg, 'config': str(tmp_path / 'teacher.py')})
    assert from_file.weights_hash == build(teacher_cfg).weights_hash
    for name in ('repfusion/toyfaces_r18_cls_scratch', 'mmpretrain::resnet/resnet18_8xb32_in1k.py'):
        with pytest.raises(ValueError, match='does not fit the ImageClassifier of its config'):
            build({**teacher_cfg, 'config': name})


def test_a_checkpoint_that_is_missing_or_does_not_fit_is_an_error(teacher_cfg, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.pth' of the teacher: train it first"):
        build({**teacher_cfg, 'checkpoint': str(tmp_path / 'none.pth')})
    state = torch.load(teacher_cfg['checkpoint'], weights_only=True)['state_dict']
    path = str(tmp_path / 'other.pth')
    cases = {
        r'1 missing \(head.fc.bias': {k: v for k, v in state.items() if k != 'head.fc.bias'},
        r'1 unexpected \(extra': {**state, 'extra': torch.zeros(1)},
        r'1 of another shape \(head.fc.bias': {**state, 'head.fc.bias': torch.zeros(9)},
    }
    for message, weights in cases.items():
        torch.save(weights, path)
        with pytest.raises(ValueError, match=message):
            build({**teacher_cfg, 'checkpoint': path})


def test_unknown_layers_and_needless_options_are_named(teacher_cfg):
    with pytest.raises(ValueError, match=r"no layer 'backbone.layer9'"):
        build(teacher_cfg, taps=['backbone.layer9'])
    with pytest.raises(ValueError, match="and noise of a HostTeacher.*'fresh'.*Leave them out"):
        build(teacher_cfg, noise='fresh')
    with pytest.raises(ValueError, match='teacher_input and noise of a HostTeacher'):
        build(teacher_cfg, raw_input=True)
    with pytest.raises(TypeError, match='checkpoints'):
        build({**teacher_cfg, 'checkpoints': 1})


@pytest.mark.parametrize(
    ('normalization', 'message'),
    [
        (dict(mean=MEAN, std=STD), "needs 'channel_order'"),
        (dict(mean=MEAN, channel_order='rgb'), 'both or neither'),
    ],
)
def test_a_normalization_that_is_given_is_checked(teacher_cfg, normalization, message):
    with pytest.raises(ValueError, match=message):
        build(dict(teacher_cfg, normalization=normalization))


def test_anything_else_is_a_diffusion_model():
    assert isinstance(build_teacher(tiny_teacher(), taps=['mid']), DPMTeacher)


def hook_cfg(teacher, **kwargs):
    pair = dict(
        student='backbone', teacher='backbone', loss=dict(type='mmdiffrep.DenseFeatureLoss')
    )
    return dict(type='mmdiffrep.RepFusionHook', teacher=teacher, pairs=[pair], **kwargs)


def test_one_switch_makes_it_the_teacher_of_a_run(teacher_cfg, tmp_path):
    hooks = dict(checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=2))
    runner = tiny_runner(tmp_path, 2, [hook_cfg(teacher_cfg)], default_hooks=hooks)
    runner.train()
    (hook,) = (h for h in runner.hooks if type(h).__name__ == 'RepFusionHook')
    assert isinstance(hook.teacher, HostTeacher)
    assert runner.message_hub.log_scalars['train/loss_distill'].current() > 0
    saved = torch.load(tmp_path / 'iter_2.pth', weights_only=True)
    assert saved['distiller']['teacher'] == hook.teacher.record
    assert not [name for name in saved['distiller']['state_dict'] if 'teacher' in name]
    plain = tiny_segmentor()
    assert saved['state_dict'].keys() == MODELS.build(plain).state_dict().keys()


@pytest.mark.parametrize(
    'policy',
    [
        dict(type='mmdiffrep.UniformTimestep', high=50),
        dict(type='mmdiffrep.FixedTimestep', t=3),
        dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20),
    ],
)
def test_a_policy_with_a_choice_is_refused(teacher_cfg, tmp_path, policy):
    with pytest.raises(ValueError, match='HostTeacher has no timesteps.*leave out policy'):
        tiny_runner(tmp_path, 1, [hook_cfg(teacher_cfg, policy=policy)]).train()


def test_half_precision_is_near_and_recorded(teacher_cfg):
    rough, exact = build(teacher_cfg, precision='bfloat16'), build(teacher_cfg)
    t = torch.zeros(2, dtype=torch.long)
    inputs = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.autocast('cpu', torch.float16):
        found = rough(inputs, t)
    expected = exact(inputs, t)
    assert not torch.equal(found[-1], expected[-1])
    for first, second in zip(found, expected):
        assert first.dtype == torch.float32
        assert (first - second).norm() <= 0.1 * second.norm()
    assert (rough.record['precision'], exact.record['precision']) == ('bfloat16', 'float32')
    assert rough.weights_hash == exact.weights_hash
