# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The training images of Fashion-MNIST without labels, for a diffusion model.
data_root = '/usr/share/datasets/fashion-mnist'  # Debian's package dataset-fashion-mnist
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.FashionMNISTDataset',
        data_root=data_root,
        split='train',
        pipeline=[dict(type='RandomFlip', prob=0.5), dict(type='mmdiffrep.PackImage')],
    ),
)
