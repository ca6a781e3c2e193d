# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DatasetDDPM on drawn faces: the ResNet-18 of toyfaces_64_fewshot_r18.py, trained on sampled images
# that the ensemble of toyfaces_64_fewshot.py has labeled (tools/make_dataset_ddpm.py).
# Result: not measured.
_base_ = [
    '../_base_/models/fcn_r18_64.py',
    '../_base_/datasets/toyfaces_seg.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmseg.py',
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmdiffrep.DatasetDDPM',
        data_root='work_dirs/toyfaces_64_dataset_ddpm',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            *_base_.train_pipeline[1:],
        ],
    )
)
val_evaluator = [dict(type='mmdiffrep.DDPMSegIoU')]
test_evaluator = val_evaluator
