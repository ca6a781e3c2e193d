# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the student of toyfaces_r18_slim_finetune.py: the shipped diffusion model, 1,000 drawn
# faces without labels.
# Result: see "Does a teacher pay?" in docs/results.md; 1,000 iterations.
_base_ = [
    '../../_base_/models/student_r18_64.py',
    '../../_base_/datasets/toyfaces_image_64.py',
    '../../_base_/schedules/distill_300.py',
    '../../_base_/runtime/mmseg.py',
]
model = dict(backbone=dict(stem_channels=16, base_channels=16))
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        num_images=1000,
        pipeline=[
            dict(type='mmdiffrep.LoadToyFace', cache=True),
            dict(type='RandomFlip', prob=0.5),
            dict(type='mmdiffrep.PackImage'),
        ],
    ),
)
max_iters = 1000
_base_.param_scheduler[1].update(end=max_iters)
param_scheduler = _base_.param_scheduler
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(
    checkpoint=dict(interval=max_iters),
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='mmdiffrep://toyfaces_ddpm_64',
        pairs=[
            dict(
                # All stages of the student together predict one map of the teacher.
                student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'],
                teacher='module:up_blocks.1',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=50),
        noise='fresh',
        precision='bfloat16',
    ),
)
