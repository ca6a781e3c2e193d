# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 2 on ImageNet: the baseline imagenet_r18_scratch.py, its backbone loaded from
# distill_imagenet_r18.py.
# Result: never run at full size.
_base_ = 'mmpretrain::resnet/resnet18_8xb32_in1k.py'
distilled = 'work_dirs/distill_imagenet_r18/epoch_200.pth'
model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=distilled, prefix='backbone.')),
    head=dict(loss=dict(_delete_=True, type='LabelSmoothLoss', label_smooth_val=0.1)),  # official
)
train_dataloader = dict(pin_memory=True, collate_fn=dict(type='default_collate'))
randomness = dict(seed=0)
default_hooks = dict(
    checkpoint=dict(
        _delete_=True, type='mmdiffrep.AtomicCheckpointHook', interval=1, max_keep_ckpts=2
    ),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
    label_range=dict(type='mmdiffrep.LabelRangeHook'),
    ema=dict(type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.01, gamma=0),  # official
)
