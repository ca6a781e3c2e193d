# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# CIFAR-10 as latents of Stable Diffusion's VAE, computed once: 4 GB for ten copies.
reader = dict(
    vae='facebook/DiT-XL-2-256',
    size=256,  # official
    posterior='sample',  # official
    channel_order='rgb',  # CIFAR-10's images come so
    device='cuda',
    batch_size=64,
)
data_preprocessor = dict(type='mmdiffrep.StoredFeaturesPreprocessor')
train_dataloader = dict(
    batch_size=128,  # official, on each GPU
    num_workers=4,
    persistent_workers=False,  # or a resumed run would not be the same bit for bit
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.LatentDataset',
        dataset=dict(
            type='CIFAR10',
            data_root='data/cifar10',
            split='train',
            pipeline=[dict(type='PackInputs')],
        ),
        reader=reader,
        views=10,  # official
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdiffrep.LatentDataset',
        dataset=dict(
            type='CIFAR10',
            data_root='data/cifar10',
            split='test',
            pipeline=[dict(type='PackInputs')],
        ),
        reader=reader,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
