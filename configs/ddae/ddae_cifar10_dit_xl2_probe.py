# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDAE's linear probe of DiT-XL/2 on CIFAR-10: the mean of 256 tokens, from latents computed once.
# Result: never run at full size.
_base_ = [
    '../_base_/datasets/cifar10_latents.py',
    '../_base_/runtime/mmpretrain.py',
]
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mmdiffrep.LatentDPMBackbone',
        denoiser='facebook/DiT-XL-2-256',
        taps=['block.13'],  # official, of 28
        timesteps=[121],  # official; 81 for Tiny-ImageNet
        noise='fresh',  # official
        test_noise='per_image',  # official: fresh
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=1152,
        loss=dict(type='CrossEntropyLoss'),
        topk=(1, 5),
        init_cfg=None,  # torch's initialization, official
    ),
)
max_epochs = 30  # official
auto_scale_lr = dict(base_batch_size=128)  # official: 1e-3 for each GPU of 128 images
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True)]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=5)
val_cfg = dict()
test_cfg = dict()
log_processor = dict(by_epoch=True)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', interval=5, max_keep_ckpts=2),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
    label_range=dict(type='mmdiffrep.LabelRangeHook'),
)
