# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A baseline of celebamask_64_fewshot.py on CelebAMask-HQ: a ResNet-18 trained end to end on the
# same 20 labeled images, from random weights and with augmentation.
# Result: 30.1 ± 1.4 % mIoU of 100 test images (five draws of 20); the four methods take 28 minutes
# of CPU time.
_base_ = [
    '../_base_/models/fcn_r18_64.py',
    '../_base_/datasets/celebamask_64.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmseg.py',
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(64, 64), interpolation='area'),
    dict(type='mmdiffrep.ForgetOriginalSize'),  # as in celebamask_64_fewshot.py
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmdiffrep.FewShotSubset',
        num_images=20,
        repeat=None,  # as in celebamask_64_fewshot.py
        dataset=dict(
            type='mmdiffrep.CelebAMaskHQDataset',
            data_root='data/CelebAMask-HQ',
            ann_file='train.txt',
            pipeline=_base_.train_pipeline,
        ),
    )
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = [dict(type='mmdiffrep.DDPMSegIoU')]
test_evaluator = val_evaluator
