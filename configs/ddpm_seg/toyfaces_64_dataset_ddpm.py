# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DatasetDDPM on drawn faces: the ResNet-18 of toyfaces_64_fewshot_r18.py, trained on sampled images
# that the ensemble of toyfaces_64_fewshot.py has labeled (tools/make_dataset_ddpm.py).
_base_ = './toyfaces_64_fewshot_r18.py'
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
