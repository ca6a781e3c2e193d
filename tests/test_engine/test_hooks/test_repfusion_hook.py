# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The distillation hook on a real mmseg model, against loops written by hand."""

import copy
from unittest import mock

import pytest
import torch
from mmengine.logging import MMLogger
from torch.nn import functional as F

from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.models.timestep_policies import Draws, ReinforcedTimestep
from mmdiffrep.testing import (
    greatest_difference,
    parameters_of,
    tiny_runner,
    tiny_segmentor,
    tiny_teacher,
)
from mmdiffrep.testing.tiny_distillation import PAIR, hook_cfg, hook_of, prepared, run
from mmdiffrep.utils.random_streams import IterationStreams


def hand_written_loop(tmp_path, max_iters, accumulate, clip):
    """Trains the same student and distiller without the hook or mmengine's loop."""
    runner = prepared(tmp_path)
    dataset = runner.train_dataloader.dataset
    hook = hook_of(runner)
    model, distiller, teacher = runner.model.train(), hook.distiller, hook.teacher
    branch = distiller.branches[0]
    student_sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    distiller_sgd = torch.optim.SGD(distiller.parameters(), lr=0.05, momentum=0.9)
    for step in range(max_iters * accumulate):
        items = [dataset[(4 * step + i) % 64] for i in range(4)]
        pixels = torch.stack([item['inputs'] for item in items]).float().flip(1)
        mean = model.data_preprocessor.mean.view(3, 1, 1)
        std = model.data_preprocessor.std.view(3, 1, 1)
        labels = torch.stack([item['data_samples'].gt_sem_seg.data[0] for item in items])
        features = model.backbone((pixels - mean) / std)
        logits = model.decode_head(features)
        logits = F.interpolate(logits, size=(32, 32), mode='bilinear', align_corners=False)
        task = F.cross_entropy(logits, labels)

        rgb = pixels / 127.5 - 1
        rgb = F.interpolate(rgb, size=(16, 16), mode='bilinear', antialias=True)
        uniforms = IterationStreams(hook.seed, step).uniforms(4)
        sample = branch.policy(rgb, Draws(uniforms))
        with torch.no_grad():
            target = teacher.denoiser(rgb, sample.t, taps=['mid'])['mid']
        student = distiller.pairs[0].connector(features[-1])
        student = F.interpolate(student, size=target.shape[-2:], mode='bilinear')
        distill = (student - target).abs().mean()
        samples = [item['data_samples'] for item in items]
        task_loss = branch.reward(target, samples).loss
        progress = step / (max_iters * accumulate)
        policy = branch.policy.loss(sample, -task_loss, progress=progress)['loss_policy']
        ((task + distill + task_loss.mean() + policy) / accumulate).backward()
        if (step + 1) % accumulate == 0:
            for module, optimizer in ((model, student_sgd), (distiller, distiller_sgd)):
                if clip:
                    torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
                optimizer.step()
                optimizer.zero_grad()
    return parameters_of(model), parameters_of(distiller)


@pytest.mark.parametrize(('accumulate', 'clip'), [(1, None), (2, None), (2, 0.05)])
def test_equals_a_loop_written_by_hand(tmp_path, accumulate, clip):
    clip_grad = dict(max_norm=clip) if clip else None
    runner = run(
        tmp_path,
        max_iters=3 * accumulate,
        hook=hook_cfg(clip_grad=clip_grad),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(type='SGD', lr=0.01, momentum=0.9),
            accumulative_counts=accumulate,
            clip_grad=clip_grad,
        ),
    )
    student, distiller = hand_written_loop(tmp_path, 3, accumulate, clip)
    assert greatest_difference(parameters_of(runner.model), student) < 1e-6
    assert greatest_difference(parameters_of(hook_of(runner).distiller), distiller) < 1e-6


def test_student_starts_as_without_the_hook_and_stays_plain(tmp_path):
    with_hook = prepared(tmp_path)
    plain = prepared(tmp_path, hooks=[])
    assert greatest_difference(parameters_of(with_hook.model), parameters_of(plain.model)) == 0
    assert list(with_hook.model.state_dict()) == list(plain.model.state_dict())


def test_distillation_changes_the_student(tmp_path):
    plain = tiny_runner(tmp_path, 4)
    plain.train()
    student = parameters_of(run(tmp_path).model)
    assert greatest_difference(student, parameters_of(plain.model)) > 1e-5


def test_resumed_run_equals_the_undisturbed_one(tmp_path):
    schedule = [
        dict(type='LinearLR', start_factor=0.1, begin=0, end=4, by_epoch=False),
        dict(type='CosineAnnealingLR', eta_min=1e-4, begin=4, end=8, by_epoch=False),
    ]
    common = dict(
        param_scheduler=schedule,
        hook=hook_cfg(noise='fresh', optimizer=dict(type='AdamW', lr=1e-3)),
        default_hooks=dict(
            checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=5)
        ),
    )
    whole = run(tmp_path / 'whole', max_iters=8, **copy.deepcopy(common))
    run(tmp_path / 'split', max_iters=8, **copy.deepcopy(common))
    resumed = run(
        tmp_path / 'resumed',
        max_iters=8,
        load_from=str(tmp_path / 'split' / 'iter_5.pth'),
        resume=True,
        **copy.deepcopy(common),
    )
    assert resumed.iter == 8
    assert greatest_difference(parameters_of(whole.model), parameters_of(resumed.model)) == 0
    distillers = [parameters_of(hook_of(runner).distiller) for runner in (whole, resumed)]
    assert greatest_difference(*distillers) == 0
    rates = [
        hook_of(runner).optimizer.optimizer.param_groups[0]['lr'] for runner in (whole, resumed)
    ]
    assert rates[0] == rates[1] < 1e-3


@pytest.mark.parametrize('by_epoch', [False, True])
def test_resume_in_the_middle_of_each_phase(tmp_path, by_epoch):
    checkpointing = dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=by_epoch, interval=1)
    common = dict(
        hook=hook_cfg(noise='fresh', phases=[('distill', 4), ('joint', 8)]),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.01)),
        param_scheduler=dict(type='ExponentialLR', gamma=0.9, by_epoch=by_epoch),
        default_hooks=dict(checkpoint=checkpointing),
    )
    if by_epoch:  # 6 epochs of 2 iterations
        common['train_cfg'] = dict(by_epoch=True, max_epochs=6)
        common['train_dataloader'] = dict(
            dataset=dict(type='mmdiffrep.RandomSegmentation', length=8),
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_size=4,
        )
    whole = run(tmp_path, max_iters=12, **copy.deepcopy(common))
    for iteration in (2, 6, 10):
        name = f'epoch_{iteration // 2}.pth' if by_epoch else f'iter_{iteration}.pth'
        resumed = run(
            tmp_path / str(iteration),
            max_iters=12,
            load_from=str(tmp_path / name),
            resume=True,
            **copy.deepcopy(common),
        )
        assert resumed.iter == 12 and hook_of(resumed).teacher is None
        for one, other in (
            (whole.model, resumed.model),
            (hook_of(whole).distiller, hook_of(resumed).distiller),
        ):
            assert greatest_difference(parameters_of(one), parameters_of(other)) == 0


def test_schedule_of_its_own(tmp_path):
    schedule = dict(type='ConstantLR', factor=0.5, by_epoch=False)
    runner = prepared(tmp_path, hooks=[hook_cfg(param_scheduler=schedule)])
    assert hook_of(runner).optimizer.optimizer.param_groups[0]['lr'] == 0.025
    assert runner.optim_wrapper.get_lr()['lr'] == [0.01]


def test_checkpoint_holds_the_distiller_and_no_teacher(tmp_path):
    checkpointing = dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=2)
    runner = run(tmp_path, max_iters=2, default_hooks=dict(checkpoint=checkpointing))
    saved = torch.load(tmp_path / 'iter_2.pth', weights_only=True)
    assert set(saved['state_dict']) == set(runner.model.state_dict())
    record = saved['distiller']['teacher']
    assert record['weights_hash'] == hook_of(runner).teacher.denoiser.weights_hash
    assert not any('denoiser' in key for key in saved['distiller']['state_dict'])


def test_resume_with_another_teacher_is_refused(tmp_path):
    checkpointing = dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=2)
    run(tmp_path, max_iters=2, default_hooks=dict(checkpoint=checkpointing))
    with pytest.raises(ValueError, match='resume with the same weights'):
        run(
            tmp_path,
            hook=hook_cfg(teacher=tiny_teacher(), seed=1),
            load_from=str(tmp_path / 'iter_2.pth'),
            resume=True,
        )


def test_resume_of_a_plain_checkpoint_warns_and_trains(tmp_path):
    checkpointing = dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=2)
    plain = tiny_runner(tmp_path, 2, default_hooks=dict(checkpoint=checkpointing))
    plain.train()
    path = str(tmp_path / 'iter_2.pth')
    with mock.patch.object(MMLogger, 'warning') as warning:
        assert run(tmp_path, load_from=path, resume=True).iter == 4
    assert any('written without the hook' in str(call) for call in warning.call_args_list)


def test_ema_copy_is_plain(tmp_path):
    runner = tiny_runner(tmp_path, 2, [hook_cfg(), dict(type='EMAHook')])
    runner.train()
    ema = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook').ema_model
    assert not any(module._forward_hooks for module in ema.modules())
    assert not any('denoiser' in key or 'policy' in key for key in ema.state_dict())


def test_nothing_is_left_on_the_student(tmp_path):
    runner = run(tmp_path)
    assert not any(module._forward_hooks for module in runner.model.modules())
    optimizer = runner.optim_wrapper.optimizer
    assert not optimizer._optimizer_step_pre_hooks and not optimizer._optimizer_step_post_hooks


def test_phases(tmp_path):
    """Distil: the head rests; fine-tune: the teacher is gone and the task trains alone."""
    wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.1))
    start = parameters_of(prepared(tmp_path).model)
    distilled = run(tmp_path, 3, hook_cfg(phases=[('distill', 3)]), optim_wrapper=wrapper)
    after = parameters_of(distilled.model)
    for name in start:
        moved = (start[name] - after[name]).abs().max().item()
        assert (moved == 0) == name.startswith('decode_head'), name

    tuned = run(tmp_path, 4, hook_cfg(phases=[('distill', 1), ('joint', 2)]), optim_wrapper=wrapper)
    hook = hook_of(tuned)
    assert [hook.phases.at(i) for i in range(4)] == ['distill', 'joint', 'finetune', 'finetune']
    assert hook.teacher is None


def test_prediction_runs_without_the_teacher(tmp_path):
    runner = prepared(tmp_path)
    runner.call_hook('before_train')
    hook = hook_of(runner)
    hook.teacher = None  # any use would fail
    runner.model.eval()
    runner.model(torch.zeros(1, 3, 32, 32), None, mode='tensor')


@pytest.mark.parametrize('size', [1, 3])
def test_the_teacher_reads_large_batches_in_parts(tmp_path, size):
    whole = run(tmp_path / 'whole', 2, hook_cfg(noise='fresh'))
    parts = run(tmp_path / 'parts', 2, hook_cfg(noise='fresh', teacher_batch=size))
    assert hook_of(parts).teacher.pass_size == size
    assert greatest_difference(parameters_of(whole.model), parameters_of(parts.model)) < 1e-6


def test_the_teacher_is_read_before_the_student(tmp_path):
    """Its activations and the student's never take memory at the same time."""
    runner, order = prepared(tmp_path), []
    hook = hook_of(runner)
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    hook.teacher.register_forward_hook(lambda *_: order.append('teacher'))
    runner.model.backbone.register_forward_hook(lambda *_: order.append('student'))
    data = runner.model.data_preprocessor(next(iter(runner.train_dataloader)), True)
    runner.model(data['inputs'], data['data_samples'], mode='loss')
    hook.after_train(runner)
    # Its ranks are checked on the first batch, before that.
    assert order == ['teacher', 'teacher', 'student']


def test_distillation_student_has_no_task(tmp_path):
    segmentor = tiny_segmentor()
    student = dict(
        type='mmdiffrep.DistillationStudent',
        backbone=segmentor['backbone'],
        data_preprocessor=segmentor['data_preprocessor'],
    )
    hook = hook_cfg(policy=dict(type='mmdiffrep.UniformTimestep', high=20))
    runner = tiny_runner(tmp_path, 2, [hook], model=student)
    runner.train()
    assert all(name.startswith('backbone.') for name in runner.model.state_dict())


def test_teacher_sees_the_exact_image(tmp_path):
    runner = prepared(tmp_path)
    pixels = torch.randint(0, 256, (2, 3, 16, 16))
    batch = dict(inputs=list(pixels.byte()), data_samples=None)
    runner.model.data_preprocessor.size = (16, 16)
    inputs = runner.model.data_preprocessor(batch, training=False)['inputs']
    rgb = hook_of(runner).teacher.to_rgb(inputs)
    torch.testing.assert_close(rgb, pixels.flip(1) / 127.5 - 1, atol=1e-5, rtol=0)


def test_policy_may_be_given_as_a_class(tmp_path):
    """As in Python-style configs."""
    runner = prepared(tmp_path)
    policy = dict(type=ReinforcedTimestep, num_timesteps=20)
    hook = RepFusionHook(teacher=tiny_teacher(), pairs=[PAIR], policy=policy)
    hook.before_run(runner)
    assert hook.distiller.branches[0].reward is not None
