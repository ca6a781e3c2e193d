# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Two gloo processes against one with the doubled batch."""

import pytest
import torch
from mmengine.registry import DATASETS

from mmdiffrep.engine.hooks import PolicyLogHook, RepFusionHook
from mmdiffrep.testing import (
    RandomSegmentation,
    greatest_difference,
    parameters_of,
    run_in_two_processes,
    tiny_runner,
    tiny_teacher,
)

PER_RANK = 2
ITERS = 4
DENSE = dict(type='mmdiffrep.DenseFeatureLoss')
PAIR = dict(student='backbone', teacher='mid', loss=DENSE, standardize=True)
REINFORCED = dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20)
# What is trained, by name: each is the same on two ranks as in one process.
SETTINGS = dict(
    accumulation=dict(accumulate=2, policy=REINFORCED, noise=dict(type='per_image', seed=0)),
    phases=dict(phases=[('distill', 1), ('joint', 3)], policy=REINFORCED, noise='fresh'),
    staged=dict(
        pairs=[dict(PAIR, student='backbone[0]'), PAIR],
        policy=dict(type='mmdiffrep.StagedTimestep', highs=[20, 5]),
        noise='fresh',
    ),
    branches=dict(
        policy=dict(
            task=dict(
                **REINFORCED, baseline='leave_one_out', num_samples=2, standardize_reward=True
            ),
            common=dict(**REINFORCED, baseline='per_timestep', exploration=0.3),
            student=dict(**REINFORCED, baseline='batch_mean', warmup=0.25),
        ),
        reward=dict(
            task=dict(type='mmdiffrep.SegmentationReward', num_classes=4),
            common=dict(type='mmdiffrep.InstanceDiscriminationReward', projection=4),
            student=dict(type='mmdiffrep.StudentGainReward'),
        ),
        holdout=0.5,
        noise='fresh',
    ),
    unlabeled=dict(
        policy=dict(**REINFORCED, standardize_reward=True), pairs=[PAIR], unlabeled=True
    ),
)


@DATASETS.register_module()
class HalfLabeledForTests(RandomSegmentation):
    """Every second image, all that rank 1 of 2 reads, has no label."""

    def __getitem__(self, index):
        item = super().__getitem__(index)
        if self.names[index] % 2:
            item['data_samples'].gt_sem_seg.data.fill_(255)
        return item


def train(folder, batch_size, setting, order=None, **overrides):
    setting = dict(SETTINGS[setting])
    unlabeled = setting.pop('unlabeled', False)
    kind = 'HalfLabeledForTests' if unlabeled else 'mmdiffrep.RandomSegmentation'
    loader = dict(
        dataset=dict(type=kind, length=64, order=order),
        sampler=dict(type='InfiniteSampler', shuffle=False),
        batch_size=batch_size,
        num_workers=0,
    )
    accumulate = setting.pop('accumulate', 1)
    hook = dict(
        type='mmdiffrep.RepFusionHook',
        teacher=tiny_teacher(),
        optimizer=dict(type='SGD', lr=0.05, momentum=0.9),
        clip_grad=dict(max_norm=0.5),
        **{'pairs': [PAIR], **setting},
    )
    log = dict(type='mmdiffrep.PolicyLogHook', interval=2, num_buckets=20)
    runner = tiny_runner(
        folder,
        ITERS,
        [hook, log],
        train_dataloader=loader,
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(type='SGD', lr=0.01, momentum=0.9),
            accumulative_counts=accumulate,
        ),
        **overrides,
    )
    runner.train()
    model = runner.model.module if hasattr(runner.model, 'module') else runner.model
    distiller = next(hook for hook in runner.hooks if isinstance(hook, RepFusionHook)).distiller
    histories = next(h for h in runner.hooks if isinstance(h, PolicyLogHook)).histories
    return dict(
        student=parameters_of(model),
        distiller=parameters_of(distiller),
        buffers={name: buffer.double() for name, buffer in distiller.named_buffers()},
        drawn={name: history.counts for name, history in histories.items()},
    )


def work(rank, folder, setting):
    # Other random weights on each rank: what counts must come from rank 0 or the run's seed.
    torch.manual_seed(rank)
    result = train(
        folder,
        PER_RANK,
        setting,
        launcher='pytorch',
        model_wrapper_cfg=dict(type='MMDistributedDataParallel', device_ids=None),
    )
    torch.save(result, f'{folder}/rank{rank}.pth')


@pytest.mark.parametrize('setting', SETTINGS)
def test_two_processes_equal_one_with_the_doubled_batch(tmp_path, setting):
    run_in_two_processes(work, str(tmp_path), setting)
    ranks = [torch.load(tmp_path / f'rank{rank}.pth', weights_only=True) for rank in (0, 1)]

    # Rank r reads the images r, r + 2, r + 4, ...: one process gets each batch in that order.
    order = torch.arange(64).view(-1, PER_RANK, 2).transpose(1, 2).flatten().tolist()
    single = train(tmp_path, 2 * PER_RANK, setting, order)

    assert single['drawn'].keys() == ranks[0]['drawn'].keys()
    for name, counts in single['drawn'].items():
        assert counts.sum() > 0 and counts.equal(ranks[0]['drawn'][name])
    for part in ('student', 'distiller', 'buffers'):
        assert greatest_difference(ranks[0][part], ranks[1][part]) == 0
        assert greatest_difference(ranks[0][part], single[part]) < 1e-5
