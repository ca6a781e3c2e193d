# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A rival of toyfaces_64_fewshot.py: a ResNet-18 trained end to end on the same 20 labeled
# images, from random weights and with augmentation.
_base_ = '../repfusion/toyfaces_r18_scratch.py'
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
