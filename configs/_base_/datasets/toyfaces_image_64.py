# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Drawn faces without labels; each face of the training set is seen once or twice in a short run.
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.ToyFacesDataset',
        task='image',
        split='train',
        num_images=50000,
        image_size=64,
        pipeline=[dict(type='mmdiffrep.LoadToyFace'), dict(type='mmdiffrep.PackImage')],
    ),
)
