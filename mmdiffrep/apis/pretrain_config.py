# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The config of a pre-training run: defaults that follow from student, teacher, data and device."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmengine.device import get_device

from mmdiffrep.apis.pretrain_student import Student
from mmdiffrep.apis.pretrain_teacher import TeacherPlan
from mmdiffrep.diffusion.precision import fastest_dtype

STUDENT_FILE = 'student.pth'
_LEARNING_RATE = 1e-3  # at a batch of 16
_BASE_BATCH = 16
_MOST_RATE = 4e-3
_VIEWS = 160_000  # images seen in a run on 1,000; grows with the root of their number
_SAVES = 20  # checkpoints in a run
_LEAST_INTERVAL = 10  # steps
_WARM_UP = 0.05  # of the run


class Setting(NamedTuple):
    """One line of the table of settings."""

    name: str
    value: str
    reason: str


class Plan(NamedTuple):
    """A run.

    Attributes:
        config (dict): For mmengine's runner.
        settings (list of Setting): What was chosen, and why.
    """

    config: dict[str, Any]
    settings: list[Setting]


def plan_run(
    data: str,
    image_list: str,
    count: int,
    student: Student,
    teachers: Sequence[TeacherPlan],
    out: str,
    size: int,
    size_reason: str,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    drop: float = 0.0,
    probe: str | None = None,
    num_workers: int = 2,
    seed: int = 0,
) -> Plan:
    """Choose all settings and write them down as a config.

    Args:
        data: Folder of the images.
        image_list: File with their names.
        count: Their number, at least 2.
        student: What is trained.
        teachers: What it learns from.
        out: Folder of the run.
        size: Side of the student's images in pixels.
        size_reason: Where it comes from.
        epochs: Passes over the images. Defaults to None: by their number.
        batch_size: Images in a step. Defaults to None: by their number and the device.
        lr: Learning rate. Defaults to None: by the batch size.
        drop: Probability with which each of several teachers is left out of a step.
        probe: Folder of labeled images that measure the student during the run.
        num_workers: Processes that read images.
        seed: Of weights, order, views and noise.
    """
    on_cpu = get_device() == 'cpu'
    usual = _BASE_BATCH if on_cpu else 64
    batch = batch_size or max(2, min(usual, count // 4))
    rate = lr or min(_MOST_RATE, _LEARNING_RATE * math.sqrt(batch / _BASE_BATCH))
    passes = epochs or max(1, round(_VIEWS * math.sqrt(count / 1000) / count))
    steps = max(3, math.ceil(passes * count / batch))
    warm_up = max(2, round(_WARM_UP * steps))  # a ramp of one step would stay at its start
    decay = 0.05 if student.is_transformer else 0.01
    interval = max(_LEAST_INTERVAL, math.ceil(steps / _SAVES))
    taps = ', '.join(plan.tap for plan in teachers)
    settings = [
        Setting('student', f'{student.parameters / 1e6:.1f} M weights', 'random at the start'),
        Setting('student layers', ', '.join(student.layers), 'all stages together learn one map'),
        Setting('teacher tap', taps, '; '.join(dict.fromkeys(plan.reason for plan in teachers))),
        Setting('image size', f'{size} px', size_reason),
        Setting(
            'batch',
            str(batch),
            _asked(batch_size, f'{usual} on {"a CPU" if on_cpu else "a GPU"}, at most N / 4'),
        ),
        Setting(
            'epochs',
            f'{passes} ({steps} steps)',
            _asked(epochs, f'{_VIEWS:,} x sqrt(N / 1000) views of N = {count} images'),
        ),
        Setting('learning rate', f'{rate:.2g}', _asked(lr, '0.001 x sqrt(batch / 16)')),
        Setting('schedule', f'{warm_up} steps of warm-up, cosine to 0', '5 % of the run'),
        Setting('weight decay', str(decay), '0.05 for transformers, 0.01 else; not on norms'),
        Setting('loss', 'smooth L1', "on standardized channels: the teacher's scale drops out"),
        Setting(
            'saved',
            f'every {interval} steps',
            f'{_SAVES} times in the run, at least 10 steps apart',
        ),
    ]
    timesteps = [plan.timestep for plan in teachers if plan.timestep is not None]
    if timesteps:
        settings.insert(3, Setting('timestep', str(timesteps[0]), 'with fresh noise'))
    hook = dict(
        type='mmdiffrep.RepFusionHook',
        teacher=teachers[0].teacher,
        pairs=[_pair(student, teachers[0].tap)],
        seed=seed,
    )
    # On a GPU that is the default; a teacher given by its config says what it wants.
    if on_cpu and all(isinstance(plan.teacher, str) for plan in teachers):
        hook.update(precision='auto')
        dtype = str(fastest_dtype(torch.device('cpu'))).removeprefix('torch.')
        settings.append(Setting('teacher precision', dtype, 'what this CPU has units for'))
    if len(teachers) > 1:
        names = _different([plan.name for plan in teachers])
        hook.update(
            teacher=dict(
                type='mmdiffrep.TeacherGroup',
                teachers={name: plan.teacher for name, plan in zip(names, teachers)},
                drop=drop,
            ),
            pairs=[
                dict(_pair(student, f'{name}/{plan.tap}'), balance=True)
                for name, plan in zip(names, teachers)
            ],
        )
        settings += [
            Setting('teachers', ', '.join(names), 'each loss over that of predicting the mean'),
            Setting('left out', f'each with p = {drop}', 'per step; one always stays'),
        ]
    if timesteps:
        hook.update(policy=dict(type='mmdiffrep.FixedTimestep', t=timesteps[0]), noise='fresh')
    config = dict(
        default_scope='mmengine',
        env_cfg=dict(cudnn_benchmark=True),
        randomness=dict(seed=seed),
        work_dir=out,
        model=dict(
            type='mmdiffrep.DistillationStudent',
            data_preprocessor=dict(type='ImgDataPreprocessor', mean=student.mean, std=student.std),
            backbone=student.backbone,
        ),
        train_dataloader=dict(
            batch_size=batch,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            collate_fn=dict(type='default_collate'),
            sampler=dict(type='InfiniteSampler', shuffle=True),
            dataset=dict(
                type='mmdiffrep.ImageListDataset',
                data_root=data,
                ann_file=image_list,
                pipeline=[
                    dict(type='mmdiffrep.ReadRGB'),
                    dict(type='mmdiffrep.RandomView', size=size),
                    dict(type='mmdiffrep.PackImage'),
                ],
            ),
        ),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(type='AdamW', lr=rate, weight_decay=decay),
            paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
        ),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, begin=0, end=warm_up, by_epoch=False),
            dict(
                type='CosineAnnealingLR',
                T_max=max(1, steps - warm_up),
                begin=warm_up,
                end=steps,
                by_epoch=False,
            ),
        ],
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=steps, val_interval=steps),
        log_processor=dict(by_epoch=False),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=min(50, interval), log_metric_by_epoch=False),
            checkpoint=dict(
                type='mmdiffrep.AtomicCheckpointHook',
                by_epoch=False,
                interval=interval,
                max_keep_ckpts=1,
            ),
            repfusion=hook,
            export_backbone=dict(type='mmdiffrep.ExportBackboneHook', filename=STUDENT_FILE),
            learning_watch=dict(type='mmdiffrep.LearningWatchHook'),
            finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
            exact_resume=dict(type='mmdiffrep.ExactResumeHook', seed_batches=True),
        ),
    )
    if probe is not None:
        config['default_hooks']['knn_probe'] = dict(
            type='mmdiffrep.KNNProbeHook', data_root=probe, size=size, interval=interval
        )
    return Plan(config, settings)


def _pair(student: Student, tap: str) -> dict[str, Any]:
    return dict(
        student=list(student.layers),
        teacher=tap,
        loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
        standardize=True,
    )


def _different(names: Sequence[str]) -> list[str]:
    """Append a number to names that occur again."""
    found: list[str] = []
    for name in names:
        own, number = name, 1
        while own in found:
            number += 1
            own = f'{name}_{number}'
        found.append(own)
    return found


def _asked(value: object, reason: str) -> str:
    return reason if value is None else 'as asked'
