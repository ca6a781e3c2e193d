# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What the distillation hook refuses, and how it says so."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.model import MMFullyShardedDataParallel
from mmengine.optim import ApexOptimWrapper, OptimWrapper
from mmseg.models import EncoderDecoder

from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.testing import tiny_segmentor, tiny_teacher
from mmdiffrep.testing.tiny_distillation import PAIR, hook_cfg, prepared, run


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(pairs=[]), 'pairs must be a list'),
        (dict(pairs=dict(student='backbone', teacher='mid')), 'pairs must be a list'),
        (dict(pairs=['backbone']), "every pair needs.*got 'backbone'"),
        (dict(pairs=[dict(student='backbone')]), "needs 'student', 'teacher' and 'loss'"),
        (dict(pairs=[{**PAIR, 'student': 'backbone.layer5'}]), "no layer 'backbone.layer5'"),
        (dict(pairs=[{**PAIR, 'teacher': 'middle'}]), 'middle.*mid'),
        (dict(pairs=[{**PAIR, 'losses': 1}]), 'losses'),
        (dict(teacher_input='rgb'), "must be one of 'exact', 'student'"),
        (dict(phases=[('warm', 3)]), 'phases must be'),
        (dict(phases=[('distill', 0), ('joint', 2)]), 'each end of phases must be at least 1'),
        (dict(seed=-1), 'seed must be at least 0, got -1'),
        (dict(normalization=dict(men=1)), "needs 'channel_order'"),
        (
            dict(policy=dict(type='mmdiffrep.ReinforcedTimestep', entropy=-0.5)),
            'entropy must be at least 0',
        ),
        (dict(policy=dict(type='mmdiffrep.PolicyNet')), 'must be a TimestepPolicy.*PolicyNet'),
        (
            dict(
                policy=dict(type='mmdiffrep.ReinforcedTimestep'),
                reward=dict(type='mmdiffrep.PooledFeatureLoss'),
            ),
            'must be a Reward.*PooledFeatureLoss',
        ),
        (
            dict(
                policy=dict(type='mmdiffrep.FixedTimestep', t=1),
                reward=dict(type='mmdiffrep.SegmentationReward', num_classes=3),
            ),
            'FixedTimestep learns nothing',
        ),
        (
            dict(
                pairs=[{**PAIR, 'loss': dict(type='mmdiffrep.PooledFeatureLoss', loss_weight=-1.0)}]
            ),
            'loss_weight must not be negative',
        ),
        (dict(pairs=[{**PAIR, 'student_channels': 999}, PAIR]), r'pairs\[0\].*999.*leave it out'),
        (dict(policy=dict(type='mmdiffrep.FixedTimestep', t=20)), 'has 20 timesteps'),
        (dict(policy=dict(type='mmdiffrep.FixedTimestap')), 'FixedTimestap is not in'),
        (dict(teacher='no/such_model'), 'local folder'),
        (dict(normalization=dict(mean=[0] * 3, std=[255] * 3, channel_order='rgb')), 'range|lie'),
    ],
)
def test_bad_input_is_named(tmp_path, kwargs, message):
    with pytest.raises((ValueError, OSError, KeyError), match=message):
        run(tmp_path, 1, hook_cfg(**kwargs))


@pytest.mark.parametrize(
    ('optim_wrapper', 'model', 'message'),
    [
        (ApexOptimWrapper, torch.nn.Module, 'ApexOptimWrapper.*needs one optimizer'),
        (OptimWrapper, MMFullyShardedDataParallel, 'is sharded'),
    ],
)
def test_untested_set_ups_are_refused(optim_wrapper, model, message):
    runner = SimpleNamespace(
        optim_wrapper=optim_wrapper.__new__(optim_wrapper), model=model.__new__(model)
    )
    hook = RepFusionHook(teacher=tiny_teacher(), pairs=[PAIR])
    with pytest.raises(TypeError, match=message):
        hook.before_run(runner)


def test_frozen_student_layer_is_refused(tmp_path):
    segmentor = tiny_segmentor()
    segmentor['backbone']['frozen_stages'] = 4
    with pytest.raises(RuntimeError, match='carries no gradient'):
        run(tmp_path, 1, model=segmentor)


def test_labels_out_of_range_are_named(tmp_path):
    segmentor = tiny_segmentor(num_classes=4)
    segmentor['decode_head']['loss_decode'] = dict(
        type='mmseg.CrossEntropyLoss', loss_weight=0.0, avg_non_ignore=True
    )
    reward = dict(type='mmdiffrep.SegmentationReward', num_classes=3)
    with pytest.raises(ValueError, match=r'labels \[3\] of image 0.png, expected 0 to 2 or 255'):
        run(tmp_path, 1, hook_cfg(reward=reward), model=segmentor)


def test_two_hooks_in_one_run_are_refused(tmp_path):
    with pytest.raises(ValueError, match='more than one RepFusionHook.*several pairs'):
        prepared(tmp_path, [hook_cfg(), hook_cfg()])


def test_phases_that_outlast_the_run_are_named(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(MMLogger, 'warning', lambda _, message: warnings.append(message))
    prepared(tmp_path / 'fits', [hook_cfg(phases=[('joint', 1)])])
    assert not any('ends after the run' in text for text in warnings)
    prepared(tmp_path / 'long', [hook_cfg(phases=[('distill', 1), ('joint', 2)])])
    assert any('ends after the run, which has 1 iterations' in text for text in warnings)


def test_losses_of_the_same_name_are_refused(tmp_path, monkeypatch):
    plain = EncoderDecoder.loss

    def loss(self, inputs, data_samples):
        return dict(plain(self, inputs, data_samples), loss_distill=inputs.sum() * 0)

    monkeypatch.setattr(EncoderDecoder, 'loss', loss)
    with pytest.raises(ValueError, match=r"same names \['loss_distill'\]: rename"):
        run(tmp_path, 1)


def test_a_distiller_that_a_gradient_ruined_is_not_saved(tmp_path):
    """Its loss is finite in the iteration that is to be saved; its connector no longer is."""
    runner = run(tmp_path, 1)
    hook = next(hook for hook in runner.hooks if isinstance(hook, RepFusionHook))
    next(hook.distiller.parameters()).data.flatten()[0] = float('inf')
    with pytest.raises(FloatingPointError, match='parameters of the distiller.*pairs.0') as error:
        hook.before_save_checkpoint(runner, dict(meta=dict(iter=4)))
    assert str(error.value).startswith('iteration 4: ')
