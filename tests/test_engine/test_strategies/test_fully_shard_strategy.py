# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A student whose weights two gloo processes share against a whole one with the doubled batch."""

import math

import pytest
import torch
from torch import distributed
from torch.distributed.tensor import DTensor

from mmdiffrep.engine.hooks import PolicyLogHook
from mmdiffrep.engine.strategies import FullyShardStrategy
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import greatest_difference, run_in_two_processes, tiny_runner, tiny_segmentor
from mmdiffrep.testing.tiny_distillation import PAIR, REINFORCED, hook_cfg, hook_of
from mmdiffrep.utils.checkpoint_io import register_safe_loader

PER_RANK = 2
ITERS = 4
STAGES = ['backbone.layer1', 'backbone.layer4']
STUDENT_GAIN = dict(
    policy=dict(REINFORCED, baseline='batch_mean'),
    reward=dict(type='mmdiffrep.StudentGainReward'),
    pairs=[dict(PAIR, student='backbone[2]'), PAIR],
)
SETTINGS = dict(
    whole=dict(blocks=[]),
    stages=dict(blocks=STAGES),
    phases=dict(blocks=STAGES, phases=[('distill', 3)], noise='fresh'),
    student_gain=dict(blocks=STAGES, **STUDENT_GAIN),
)


def train(folder, batch_size, setting, order=None, **overrides):
    setting = dict(setting)
    if overrides.get('launcher'):
        blocks = setting.pop('blocks')
        overrides['strategy'] = dict(type='mmdiffrep.FullyShardStrategy', blocks=blocks)
    setting.pop('blocks', None)
    runner = tiny_runner(
        folder,
        ITERS,
        runner_type='FlexibleRunner',
        train_dataloader=dict(
            dataset=dict(type='mmdiffrep.RandomSegmentation', length=64, order=order),
            sampler=dict(type='InfiniteSampler', shuffle=False),
            batch_size=batch_size,
            num_workers=0,
        ),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(type='AdamW', lr=0.003, weight_decay=0.5),
            clip_grad=dict(max_norm=1.0),
        ),
        param_scheduler=[dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=ITERS)],
        default_hooks=dict(
            checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=2),
            logger=dict(type='LoggerHook', interval=1),
            finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
            exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
            repfusion=hook_cfg(clip_grad=dict(max_norm=0.5), **setting),
            policy_log=dict(type='mmdiffrep.PolicyLogHook', interval=1, num_buckets=5),
        ),
        env_cfg=dict(dist_cfg=dict(backend='gloo')),
        **overrides,
    )
    runner.train()
    return runner


def result_of(runner):
    student = {
        name: (p.full_tensor() if isinstance(p, DTensor) else p).detach().clone()
        for name, p in runner.model.named_parameters()
    }
    log = next(hook for hook in runner.hooks if isinstance(hook, PolicyLogHook))
    norms = runner.message_hub.get_scalar('train/grad_norm').data[0]
    return dict(
        student=student,
        distiller=dict(hook_of(runner).distiller.state_dict()),
        drawn=dict(counts=log.histories[''].counts),
        norms=torch.from_numpy(norms.copy()),
    )


def work(rank, folder, setting):
    torch.manual_seed(rank)
    register_safe_loader()
    runner = train(f'{folder}/through', PER_RANK, setting, launcher='pytorch')
    results = [result_of(runner)]
    weights = list(runner.model.parameters())
    assert sum(p.to_local().numel() for p in weights) < 0.6 * sum(p.numel() for p in weights)
    if setting == SETTINGS['stages']:
        checkpoint = dict(resume=True, load_from=f'{folder}/through/iter_2.pth')
        resumed = train(f'{folder}/resumed', PER_RANK, setting, launcher='pytorch', **checkpoint)
        results.append(result_of(resumed))
    if rank == 1:  # a part that the main process does not have
        runner.model.decode_head.conv_seg.weight.data.to_local().fill_(math.nan)
    with pytest.raises(FloatingPointError, match='conv_seg.weight'):
        runner.save_checkpoint(f'{folder}/nan', 'nan.pth', meta={})
    torch.save(results, f'{folder}/rank{rank}.pth')


@pytest.mark.parametrize('name', SETTINGS)
def test_two_processes_that_share_the_student_equal_one(tmp_path, name):
    setting = SETTINGS[name]
    run_in_two_processes(work, str(tmp_path), setting)
    (through, *resumed), others = (
        torch.load(tmp_path / f'rank{rank}.pth', weights_only=True) for rank in (0, 1)
    )

    # Rank r reads the images r, r + 2, r + 4, ...: one process gets each batch in that order.
    order = torch.arange(64).view(-1, PER_RANK, 2).transpose(1, 2).flatten().tolist()
    single = result_of(train(tmp_path / 'single', 2 * PER_RANK, setting, order))
    assert torch.allclose(through['norms'], single['norms'], rtol=1e-4)
    equal = [others[0], *resumed, *others[1:]]
    close = [single]
    if resumed:  # a whole model goes on from the checkpoint of a sharded one
        checkpoint = dict(resume=True, load_from=f'{tmp_path}/through/iter_2.pth')
        register_safe_loader()
        close.append(
            result_of(train(tmp_path / 'alone', 2 * PER_RANK, setting, order, **checkpoint))
        )
    assert len(single['drawn']['counts']) >= ITERS - 1  # the last one may have no teacher
    for part in ('student', 'distiller', 'drawn'):
        for found in equal:
            assert greatest_difference(found[part], through[part]) == 0
        for found in close:
            assert greatest_difference(found[part], through[part]) < 1e-5


def test_a_block_that_does_not_exist_is_named(tmp_path):
    strategy = FullyShardStrategy(blocks=['backbone.layer9'], work_dir=str(tmp_path))
    strategy._distributed = True
    store = distributed.HashStore()
    distributed.init_process_group('gloo', store=store, rank=0, world_size=1)
    try:
        with pytest.raises(ValueError, match=r"no module 'backbone.layer9'.*backbone.layer"):
            strategy._wrap_model(MODELS.build(tiny_segmentor()))
    finally:
        distributed.destroy_process_group()


def test_one_process_has_nobody_to_share_with(tmp_path):
    strategy = FullyShardStrategy(work_dir=str(tmp_path))
    with pytest.raises(RuntimeError, match='start it with tools/dist_train.sh'):
        strategy._wrap_model(MODELS.build(tiny_segmentor()))
