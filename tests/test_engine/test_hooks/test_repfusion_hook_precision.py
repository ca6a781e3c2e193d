# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The distillation hook under mixed precision."""

from contextlib import contextmanager
from unittest import mock

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from mmdiffrep.engine.distillation.attachment import Attachment
from mmdiffrep.models.teachers import DPMTeacher
from mmdiffrep.testing import greatest_difference, parameters_of, tiny_runner
from mmdiffrep.testing.tiny_distillation import hook_cfg, hook_of, prepared, run


@OPTIM_WRAPPERS.register_module()
class CpuScalerOptimWrapper(AmpOptimWrapper):
    """AmpOptimWrapper with a real GradScaler on a CPU, without casting."""

    def __init__(self, optimizer, init_scale, **kwargs):
        super(AmpOptimWrapper, self).__init__(optimizer=optimizer, **kwargs)
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=init_scale, growth_interval=2)
        self._scale_update_param = None

    def optim_context(self, model):
        return super(AmpOptimWrapper, self).optim_context(model)


@pytest.mark.parametrize('accumulate', [1, 2])
@pytest.mark.parametrize('clip_grad', [None, dict(max_norm=0.5)])
def test_grad_scaler_changes_nothing(tmp_path, accumulate, clip_grad):
    optimizer = dict(type='SGD', lr=0.01, momentum=0.9)
    hook = hook_cfg(clip_grad=clip_grad)
    wrapper = dict(optimizer=optimizer, accumulative_counts=accumulate, clip_grad=clip_grad)
    plain = run(tmp_path, hook=hook, optim_wrapper=dict(type='OptimWrapper', **wrapper))
    scaled = run(
        tmp_path,
        hook=hook,
        optim_wrapper=dict(type='CpuScalerOptimWrapper', init_scale=1024.0, **wrapper),
    )
    assert greatest_difference(parameters_of(plain.model), parameters_of(scaled.model)) < 1e-7
    distillers = [parameters_of(hook_of(runner).distiller) for runner in (plain, scaled)]
    assert greatest_difference(*distillers) < 1e-7


def test_overflow_skips_both_optimizers(tmp_path):
    optimizer = dict(type='SGD', lr=0.01, momentum=0.9)
    wrapper = dict(type='CpuScalerOptimWrapper', init_scale=float('inf'), optimizer=optimizer)
    before = prepared(tmp_path)
    runner = run(tmp_path, max_iters=1, optim_wrapper=wrapper)
    distillers = [parameters_of(hook_of(r).distiller) for r in (before, runner)]
    assert greatest_difference(*distillers) == 0
    assert greatest_difference(parameters_of(before.model), parameters_of(runner.model)) == 0


@OPTIM_WRAPPERS.register_module()
class CpuBf16OptimWrapper(OptimWrapper):
    """The host's pass in bfloat16 autocast, on a CPU."""

    @contextmanager
    def optim_context(self, model):
        with super().optim_context(model), torch.autocast('cpu', dtype=torch.bfloat16):
            yield


def test_bf16_autocast_leaves_the_distiller_in_fp32(tmp_path):
    optimizer = dict(type='SGD', lr=0.01, momentum=0.9)
    seen = []
    wrapper = dict(type='CpuBf16OptimWrapper', optimizer=optimizer)
    runner = tiny_runner(tmp_path / 'bf16', 2, [hook_cfg()], optim_wrapper=wrapper)
    add_losses = Attachment._add_losses

    def spy(attachment, model, args, kwargs, task):
        losses = add_losses(attachment, model, args, kwargs, task)
        seen.append({key: value.dtype for key, value in losses.items() if key not in task})
        return losses

    with mock.patch.object(Attachment, '_add_losses', spy):
        runner.train()
    assert len(seen) == 2
    assert all(dtype == torch.float32 for dtypes in seen for dtype in dtypes.values())
    plain = run(tmp_path / 'fp32', max_iters=2)
    students = [parameters_of(one.model) for one in (plain, runner)]
    assert 0 < greatest_difference(*students) < 5e-3


@pytest.mark.parametrize('saved', ['bfloat16', 'float32', None])
def test_a_run_that_goes_on_in_another_precision_says_so(tmp_path, monkeypatch, saved):
    """As a run does that moves from a GPU to a CPU, with the same config."""
    runner = prepared(tmp_path)
    hook = hook_of(runner)
    checkpoint = dict(meta=dict(iter=1))
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint['distiller']['teacher'].pop('precision') == 'float32'
    if saved is not None:
        checkpoint['distiller']['teacher']['precision'] = saved
    runner._resume, texts = True, []
    monkeypatch.setattr(MMLogger, 'warning', lambda _, text: texts.append(text))
    hook.after_load_checkpoint(runner, checkpoint)
    expected = f'computed in {saved}, here in float32'
    assert [expected in text for text in texts] == ([True] if saved == 'bfloat16' else [])


def test_the_precision_of_the_record_is_that_on_the_device(tmp_path, monkeypatch):
    """'auto' is another one on the device that the teacher moves to."""
    moved = []
    monkeypatch.setattr(DPMTeacher, 'to', lambda teacher, device: moved.append(device))
    now = property(lambda teacher: 'bfloat16' if moved else 'float32')
    monkeypatch.setattr(DPMTeacher, 'precision', now)
    assert hook_of(prepared(tmp_path)).teacher_record['precision'] == 'bfloat16'
