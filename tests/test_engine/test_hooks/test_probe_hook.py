# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import csv
import json
import uuid
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.engine.hooks import ProbeHook
from mmdiffrep.testing import parameters_of, run_in_two_processes, tiny_teacher


def faces(count, task='cls', **options):
    pipeline = [dict(type='mmdiffrep.LoadToyFace', cache=True), dict(type='mmpretrain.PackInputs')]
    options = dict(attribute='mouth', **options) if task == 'cls' else options
    return dict(
        type='mmdiffrep.ToyFacesDataset',
        task=task,
        image_size=32,
        num_images=count,
        pipeline=pipeline,
        **{'split': 'train', **options},
    )


def hook(**options):
    return {
        **dict(
            type='mmdiffrep.ProbeHook',
            train_dataset=faces(12),
            test_dataset=faces(8, split='test'),
            num_classes=2,
            taps=['mid', 'dec.0'],
            timesteps=[0, 15],
            interval=2,
            training=dict(epochs=1, batch_size=8, min_steps=0),
        ),
        **options,
    }


def train(work_dir, *hooks, max_iters=3, **options):
    cfg = dict(
        model=dict(
            type='mmdiffrep.DDPM',
            unet=dict(tiny_teacher()['unet'], sample_size=32, dropout=0.1),
            scheduler=dict(num_train_timesteps=20),
            data_preprocessor=dict(
                type='ImgDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True
            ),
        ),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=faces(8, 'image'),
            sampler=dict(type='InfiniteSampler', shuffle=True),
            batch_size=4,
            num_workers=0,
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=10**6),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3)),
        default_hooks=dict(
            checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=2),
            logger=dict(type='LoggerHook', interval=10**6),
        ),
        custom_hooks=[dict(type='EMAHook', ema_type='ExponentialMovingAverage'), *hooks],
        visualizer=dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]),
        randomness=dict(seed=0),
        log_level='WARNING',
        experiment_name=f'run_{uuid.uuid4().hex}',
    )
    runner = Runner.from_cfg(Config({**cfg, **options}))
    runner.train()
    return runner


def table(work_dir):
    with open(work_dir / 'probe.csv') as file:
        return list(csv.DictReader(file))


def test_probes_are_logged_and_the_training_is_not_touched(tmp_path):
    with_probes = train(tmp_path / 'probed', hook())
    after_probes = torch.rand(3)
    without = train(tmp_path / 'plain')
    assert torch.equal(after_probes, torch.rand(3))
    probed, plain = parameters_of(with_probes.model), parameters_of(without.model)
    assert all(torch.equal(probed[name], plain[name]) for name in plain)
    averages = [runner._hooks for runner in (with_probes, without)]
    states = [
        next(one for one in hooks if type(one).__name__ == 'EMAHook').ema_model.state_dict()
        for hooks in averages
    ]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])

    rows = table(tmp_path / 'probed')
    assert [(row['iteration'], row['timestep'], row['tap']) for row in rows[:4]] == [
        ('2', '0', 'mid'),
        ('2', '0', 'dec.0'),
        ('2', '15', 'mid'),
        ('2', '15', 'dec.0'),
    ]
    assert len(rows) == 8 and all(0 <= float(row['accuracy']) <= 100 for row in rows)
    (scalars,) = tmp_path.glob('probed/*/vis_data/scalars.json')
    logged = [json.loads(line) for line in scalars.read_text().splitlines()]
    names = {key for line in logged for key in line if key.startswith('probe/')}
    assert names == {'probe/t0/mid', 'probe/t0/dec.0', 'probe/t15/mid', 'probe/t15/dec.0'}


def test_a_resumed_run_replaces_what_it_measures_again(tmp_path):
    train(tmp_path, hook())
    whole = table(tmp_path)
    train(tmp_path, hook(), load_from=str(tmp_path / 'iter_2.pth'), resume=True)
    again = table(tmp_path)
    assert [row['iteration'] for row in again] == [row['iteration'] for row in whole]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(timesteps=[20]), r'in \[0, 19\], got 20'),
        (dict(taps=['dec.40']), "no tap 'dec.40'"),
        (dict(num_classes=1), r'labels \[1\] are out of range, expected 0 to 0'),
        (dict(train_dataset=faces(8, 'image')), 'gives no class labels'),
        (dict(training=dict(rate=1)), "no argument 'rate'"),
        (dict(interval=0), 'at least 1'),
    ],
)
def test_bad_input_is_found_before_the_first_iteration(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path, hook(**options))
    assert not (tmp_path / 'probe.csv').exists()


class BrokenHook(ProbeHook):
    """Fails to measure, in the process that measures."""

    def _denoiser(self, runner):
        raise ValueError('the disk is full')


def measure(rank, folder):
    options = {name: value for name, value in hook().items() if name != 'type'}
    runner = SimpleNamespace(iter=1, max_iters=9)
    try:
        BrokenHook(**options).after_train_iter(runner, 1)
    except (RuntimeError, ValueError) as error:
        (folder / f'rank{rank}.txt').write_text(str(error))


def test_a_failure_of_the_measurement_ends_all_processes(tmp_path):
    run_in_two_processes(measure, tmp_path)
    assert (tmp_path / 'rank0.txt').read_text() == 'the disk is full'
    assert (tmp_path / 'rank1.txt').read_text() == 'Process 0 failed: the disk is full'
