# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A few labeled images of CelebAMask-HQ at 64 px, scored at 64 px: DDPM-Seg labels, and is scored,
# at the size that the network sees.
# Another place: --cfg-options train_dataloader.dataset.dataset.data_root=DIR
#   val_dataloader.dataset.data_root=DIR test_dataloader.dataset.data_root=DIR
data_root = 'data/CelebAMask-HQ'
num_labeled = 20
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(64, 64), interpolation='area'),
    dict(type='mmdiffrep.ForgetOriginalSize'),
    dict(type='PackSegInputs'),
]
dataset = dict(type='mmdiffrep.CelebAMaskHQDataset', data_root=data_root, pipeline=pipeline)
train_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdiffrep.FewShotSubset',
        num_images=num_labeled,
        repeat=None,  # the first ones; 0, 1, ...: random ones, tools/benchmarks/repeat_splits.py
        dataset=dict(**dataset, ann_file='train.txt'),
    ),
)
eval_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_dataloader = dict(**eval_dataloader, dataset=dict(**dataset, ann_file='val.txt'))
test_dataloader = dict(**eval_dataloader, dataset=dict(**dataset, ann_file='test.txt'))
val_evaluator = [dict(type='mmdiffrep.DDPMSegIoU'), dict(type='mmdiffrep.MeanUncertainty')]
test_evaluator = val_evaluator
val_cfg = dict(type='ValLoop')
