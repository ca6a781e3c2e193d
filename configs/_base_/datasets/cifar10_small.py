# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# With labels: `train_dataloader.dataset.fraction` is the share of the training images to use.
_base_ = './cifar10_small_train.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='mmdiffrep.BalancedSubset', fraction=1.0, dataset=_base_.train_set
    )
)
val_dataloader = dict(
    batch_size=100,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDataset',
        data_root=_base_.data_root,
        data_prefix='test',
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
