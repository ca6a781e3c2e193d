# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg's data sets at 256 px; a config names the category. Nothing is validated on: the few
# labeled images are all there are.
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
dataset = dict(
    type='mmdiffrep.DDPMSegDataset',
    data_root='data/ddpm_seg',
    repeat=None,  # the published split; 0, 1, ...: random ones, tools/benchmarks/repeat_splits.py
    pipeline=pipeline,
)
train_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='train'),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='test'),
)
test_evaluator = [dict(type='mmdiffrep.DDPMSegIoU'), dict(type='mmdiffrep.MeanUncertainty')]
