# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The training images of CIFAR-100 without labels, for a diffusion model.
train_dataloader = dict(
    batch_size=128,  # official, on 4 processes
    num_workers=4,
    drop_last=True,
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmpretrain.CIFAR100',
        data_root='data/cifar100',
        split='train',
        pipeline=[dict(type='RandomFlip', prob=0.5), dict(type='mmdiffrep.PackImage')],
    ),
)
