# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A few labeled drawn faces, 19 classes, 64 px: no files, no download.
num_labeled = 20
pipeline = [dict(type='mmdiffrep.LoadToyFace'), dict(type='PackSegInputs')]
dataset = dict(
    type='mmdiffrep.ToyFacesDataset', task='seg', image_size=64, num_images=4000, pipeline=pipeline
)
eval_dataset = dict(type='mmdiffrep.ToyFacesDataset', task='seg', image_size=64, pipeline=pipeline)
train_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdiffrep.FewShotSubset',
        num_images=num_labeled,
        repeat=None,  # the first ones; 0, 1, ...: random ones, tools/benchmarks/repeat_splits.py
        dataset=dict(**dataset, split='train'),
    ),
)
eval_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_dataloader = dict(**eval_dataloader, dataset=dict(**eval_dataset, split='val', num_images=100))
test_dataloader = dict(
    **eval_dataloader, dataset=dict(**eval_dataset, split='test', num_images=500)
)
val_evaluator = [dict(type='mmdiffrep.DDPMSegIoU'), dict(type='mmdiffrep.MeanUncertainty')]
test_evaluator = val_evaluator
val_cfg = dict(type='ValLoop')
