# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Diffusion Hyperfeatures on SPair-71k with Stable Diffusion 1.5, one step: the residual branches of
# all twelve blocks of the decoder at 512 px, 5,000 pairs (official).
# Result: never run at full size.
_base_ = './spair71k_sd21.py'
model = dict(
    _delete_=True,
    type='mmdiffrep.HyperfeatureMatcher',
    matcher=dict(
        model='stable-diffusion-v1-5/stable-diffusion-v1-5',
        taps=[f'module:up_blocks.{i}.resnets.{j}.conv2' for i in range(4) for j in range(3)],
        timesteps=[0],
        size=512,
        noise='none',
    ),
    neck=dict(type='mmdiffrep.Hyperfeatures', out_channels=384),
    bank='work_dirs/feature_banks',
)
train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='mmdiffrep.SPair71k', data_root='data/SPair-71k', split='trn'),
)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.0))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=5000)
log_processor = dict(by_epoch=False)
default_hooks = dict(
    checkpoint=dict(
        type='mmdiffrep.AtomicCheckpointHook', interval=1000, by_epoch=False, max_keep_ckpts=1
    ),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
)
