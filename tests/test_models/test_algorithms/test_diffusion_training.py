# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Whole runs: several processes, accumulated batches and a resume give what one run gives."""

import pytest
import torch
from mmengine.hooks import EMAHook

from mmdiffrep.testing import greatest_difference, parameters_of, run_in_two_processes, tiny_runner

UNET = dict(
    sample_size=32,
    block_out_channels=(4, 8),
    down_block_types=('DownBlock2D', 'AttnDownBlock2D'),
    up_block_types=('AttnUpBlock2D', 'UpBlock2D'),
    layers_per_block=1,
    norm_num_groups=4,
    attention_head_dim=4,
)
MODELS = dict(
    ddpm=dict(type='mmdiffrep.DDPM'),
    edm=dict(type='mmdiffrep.EDM', augment_prob=0.5),
)
PER_RANK = 2
ITERS = 4


def train(folder, model, batch_size, iters=ITERS, accumulate=1, dropout=0.0, **overrides):
    """Trains on the 64 images in their order; returns weights, averaged weights and the runner."""
    preprocessor = dict(
        type='ImgDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True
    )
    ema = dict(ema_type='mmdiffrep.ForeachEMA', momentum=0.1, gamma=1)
    runner = tiny_runner(
        str(folder),
        iters,
        [dict(type='mmdiffrep.ExactResumeHook'), dict(type='mmdiffrep.StepEMAHook', **ema)],
        batch_size,
        model=dict(
            **MODELS[model],
            unet=dict(UNET, dropout=dropout),
            data_preprocessor=preprocessor,
            zero_init=False,
        ),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(type='SGD', lr=0.05, momentum=0.9),
            clip_grad=dict(max_norm=1.0),
            accumulative_counts=accumulate,
        ),
        **overrides,
    )
    runner.train()
    model = runner.model.module if hasattr(runner.model, 'module') else runner.model
    averaged = next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).ema_model.module
    return dict(weights=parameters_of(model), averaged=parameters_of(averaged))


def work(rank, folder, model):
    result = train(
        folder,
        model,
        PER_RANK,
        launcher='pytorch',
        model_wrapper_cfg=dict(type='MMDistributedDataParallel', device_ids=None),
    )
    torch.save(result, f'{folder}/rank{rank}.pth')


def equal(first, second, tolerance):
    for part in ('weights', 'averaged'):
        assert greatest_difference(first[part], second[part]) <= tolerance, part


@pytest.mark.parametrize('model', MODELS)
def test_two_processes_equal_one_with_the_doubled_batch(tmp_path, model):
    run_in_two_processes(work, str(tmp_path), model)
    ranks = [torch.load(tmp_path / f'rank{rank}.pth', weights_only=True) for rank in (0, 1)]

    # Rank r reads the images r, r + 2, r + 4, ...: one process gets each batch in that order.
    order = torch.arange(64).view(-1, PER_RANK, 2).transpose(1, 2).flatten().tolist()
    loader = dict(
        dataset=dict(type='mmdiffrep.RandomSegmentation', length=64, order=order),
        sampler=dict(type='InfiniteSampler', shuffle=False),
        batch_size=2 * PER_RANK,
        num_workers=0,
    )
    single = train(tmp_path, model, 2 * PER_RANK, train_dataloader=loader)
    equal(ranks[0], ranks[1], 0)
    equal(ranks[0], single, 1e-5)
    assert greatest_difference(single['weights'], single['averaged']) > 1e-3


@pytest.mark.parametrize('model', MODELS)
def test_accumulated_batches_equal_a_big_one(tmp_path, model):
    small = train(tmp_path / 'small', model, 2, iters=2 * ITERS, accumulate=2)
    big = train(tmp_path / 'big', model, 4)
    equal(small, big, 1e-5)


@pytest.mark.parametrize('model', MODELS)
def test_a_resumed_run_equals_an_undisturbed_one(tmp_path, model):
    hooks = dict(
        checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=2),
        logger=dict(type='LoggerHook', interval=10**6),
    )
    options = dict(dropout=0.5, default_hooks=hooks)
    through = train(tmp_path / 'through', model, 2, **options)
    start = str(tmp_path / 'through' / 'iter_2.pth')
    resumed = train(tmp_path / 'resumed', model, 2, load_from=start, resume=True, **options)
    equal(through, resumed, 0)
    torch.load(start, weights_only=True)
