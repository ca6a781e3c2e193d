# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The distillation hook with every kind of policy and reward."""

import copy
import math

import pytest
import torch
from mmengine.registry import FUNCTIONS

from mmdiffrep.engine.hooks import PolicyLogHook, RepFusionHook
from mmdiffrep.testing import (
    greatest_difference,
    parameters_of,
    tiny_runner,
    tiny_segmentor,
    tiny_teacher,
)

PAIR = dict(student='backbone', teacher='mid', loss=dict(type='mmdiffrep.DenseFeatureLoss'))
REINFORCED = dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20)
LABELED = dict(type='mmdiffrep.SegmentationReward', num_classes=4)
LABEL_FREE = dict(type='mmdiffrep.InstanceDiscriminationReward')
STUDENT_GAIN = dict(type='mmdiffrep.StudentGainReward')
STAGED = dict(type='mmdiffrep.StagedTimestep', highs=[20, 5])


def hook_cfg(**kwargs):
    return {
        'type': 'mmdiffrep.RepFusionHook',
        'teacher': tiny_teacher(),
        'pairs': [PAIR],
        'policy': REINFORCED,
        'optimizer': dict(type='SGD', lr=0.05),
        **kwargs,
    }


def run(tmp_path, max_iters, hook, *hooks, **kwargs):
    runner = tiny_runner(tmp_path, max_iters, [hook, *hooks], **kwargs)
    runner.train()
    return runner


def find(runner, kind):
    return next(hook for hook in runner.hooks if isinstance(hook, kind))


def distil_only():
    return dict(
        type='mmdiffrep.DistillationStudent',
        backbone=tiny_segmentor()['backbone'],
        data_preprocessor=dict(
            type='mmengine.ImgDataPreprocessor', mean=[128] * 3, std=[128] * 3, bgr_to_rgb=True
        ),
    )


def test_task_and_common_policies_train_side_by_side(tmp_path):
    hook = hook_cfg(policy=dict(task=REINFORCED, common=REINFORCED), reward=dict(common=LABEL_FREE))
    runner = run(tmp_path, 2, hook, default_hooks=dict(logger=dict(type='LoggerHook', interval=1)))
    history = runner.message_hub.log_scalars
    for name in ('task', 'common'):
        for key in ('loss_distill', 'loss_policy', 'reward', 'policy_entropy', 'timestep'):
            assert math.isfinite(history[f'train/{name}/{key}'].current()), key
    assert 'train/task/loss_decoder' in history and 'train/common/loss_decoder' not in history
    drawn = find(runner, RepFusionHook).drawn
    assert set(drawn) == {'task', 'common'}
    assert not torch.equal(drawn['task'].t, drawn['common'].t)


def test_staged_policy_compares_one_pair_an_iteration(tmp_path):
    hook = hook_cfg(pairs=[dict(PAIR, student='backbone[0]'), PAIR], policy=STAGED)
    history = run(tmp_path, 6, hook).message_hub.log_scalars
    lengths = [len(history[f'train/loss_distill_{i}'].data[0]) for i in (0, 1)]
    assert sum(lengths) == 6 and min(lengths) > 0


def test_student_without_labels_is_distilled_at_learned_timesteps(tmp_path):
    runner = run(tmp_path, 2, hook_cfg(reward=LABEL_FREE), model=distil_only())
    assert 'train/reward' in runner.message_hub.log_scalars


def test_reward_by_the_gain_of_the_student(tmp_path):
    before = run(tmp_path, 1, hook_cfg(reward=STUDENT_GAIN, policy=REINFORCED))
    reward = before.message_hub.log_scalars['train/reward'].current()
    assert -1 <= reward <= 1
    assert 'train/loss_decoder' not in before.message_hub.log_scalars


@pytest.mark.parametrize('by', ['leave_one_out', 'staged'])
def test_resumed_run_equals_the_undisturbed_one(tmp_path, by):
    checkpointing = dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=3)
    hook = hook_cfg(noise='fresh', optimizer=dict(type='AdamW', lr=1e-3))
    if by == 'staged':
        hook.update(pairs=[dict(PAIR, student='backbone[0]'), PAIR], policy=STAGED)
    else:
        leave_one_out = dict(
            **REINFORCED, baseline='leave_one_out', num_samples=2, standardize_reward=True
        )
        per_timestep = dict(**REINFORCED, baseline='per_timestep', exploration=0.2)
        hook.update(
            policy=dict(task=leave_one_out, common=per_timestep),
            reward=dict(common=dict(LABEL_FREE, projection=4)),
            holdout=0.5,
        )
    log = dict(type='mmdiffrep.PolicyLogHook', interval=2, num_buckets=7)
    common = dict(default_hooks=dict(checkpoint=checkpointing))
    whole = run(tmp_path / 'whole', 5, hook, log, **copy.deepcopy(common))
    resumed = run(
        tmp_path / 'resumed',
        5,
        hook,
        log,
        load_from=str(tmp_path / 'whole' / 'iter_3.pth'),
        resume=True,
        **copy.deepcopy(common),
    )
    assert greatest_difference(parameters_of(whole.model), parameters_of(resumed.model)) == 0
    states = [find(runner, RepFusionHook).distiller.state_dict() for runner in (whole, resumed)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    for name, history in find(whole, PolicyLogHook).histories.items():
        other = find(resumed, PolicyLogHook).histories[name]
        assert history.iterations == other.iterations == [2, 4, 5]
        assert torch.equal(history._rows, other._rows)


def test_policy_warms_up_by_the_end_of_the_phases(tmp_path):
    """It learns in the last two of 4 iterations with a teacher, not from 40 % of all 10 on."""
    hook = hook_cfg(policy=dict(REINFORCED, warmup=0.4), phases=[('joint', 4)])
    rested, learned = (
        {
            name: param
            for name, param in parameters_of(
                find(run(tmp_path / str(max_iters), max_iters, hook), RepFusionHook).distiller
            ).items()
            if 'policy' in name
        }
        for max_iters in (1, 10)
    )
    assert greatest_difference(rested, learned) > 0


def test_policy_may_have_a_learning_rate_of_its_own(tmp_path):
    paramwise_cfg = dict(custom_keys=dict(policy=dict(lr_mult=0.1)))
    runner = run(tmp_path, 1, hook_cfg(paramwise_cfg=paramwise_cfg))
    hook = find(runner, RepFusionHook)
    policy = {id(p) for p in hook.distiller.branches[0].policy.parameters()}
    rates = {
        (id(param) in policy, round(group['lr'], 6))
        for group in hook.optimizer.optimizer.param_groups
        for param in group['params']
    }
    assert rates == {(True, 0.005), (False, 0.05)}


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(reward=STUDENT_GAIN, phases=[('distill', 2)]), "phase 'distill'"),
        (dict(reward=LABEL_FREE, holdout=0.5), 'set holdout=0'),
        (dict(policy=STAGED), 'number of ranges of StagedTimestep must be 1, got 2'),
        (dict(policy=dict(task=REINFORCED), reward=dict(other=LABEL_FREE)), "'other'"),
        (dict(policy=dict(REINFORCED, num_samples=5, baseline='leave_one_out')), '4 images'),
    ],
)
def test_bad_input_is_named(tmp_path, kwargs, message):
    with pytest.raises(ValueError, match=message):
        run(tmp_path, 1, hook_cfg(**kwargs))


@FUNCTIONS.register_module()
def images_alone(items):
    return dict(inputs=[item['inputs'] for item in items])


@pytest.mark.parametrize(
    ('reward', 'message'),
    [(STUDENT_GAIN, 'no loss of its own'), (LABELED, 'gt_sem_seg')],
)
def test_reward_that_a_distil_only_run_cannot_give_is_named(tmp_path, reward, message):
    loader = dict(
        dataset=dict(type='mmdiffrep.RandomSegmentation'),
        sampler=dict(type='InfiniteSampler', shuffle=False),
        batch_size=4,
        num_workers=0,
    )
    if reward is LABELED:
        loader['collate_fn'] = dict(type='images_alone')
    with pytest.raises(ValueError, match=message):
        run(tmp_path, 1, hook_cfg(reward=reward), model=distil_only(), train_dataloader=loader)
