# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A baseline of toyfaces_64_fewshot.py on drawn faces: a ResNet-18 trained end to end on the same 20
# labeled images, from random weights and with augmentation.
# Result: 35.7 % mIoU of 500 new faces (one draw of 20); the four methods take 8 minutes of CPU
# time.
_base_ = [
    '../_base_/models/fcn_r18_64.py',
    '../_base_/datasets/toyfaces_seg.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmseg.py',
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmdiffrep.FewShotSubset',
        num_images=20,
        repeat=None,  # as in toyfaces_64_fewshot.py
        dataset=dict(
            type='mmdiffrep.ToyFacesDataset',
            task='seg',
            image_size=64,
            split='train',
            num_images=4000,
            pipeline=_base_.train_pipeline,
        ),
    )
)
val_evaluator = [dict(type='mmdiffrep.DDPMSegIoU')]
test_evaluator = val_evaluator
