# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A baseline of toyfaces_64_fewshot.py on drawn faces: the ResNet-18 of toyfaces_64_fewshot_r18.py,
# trained on the same labels, frozen under the same head.
# Result: 32.8 % mIoU of 500 new faces (one draw of 20); the four methods take 8 minutes of CPU
# time.
_base_ = './toyfaces_64_fewshot_random_cnn.py'
model = dict(
    backbone=dict(
        backbone=dict(
            init_cfg=dict(
                type='Pretrained',
                checkpoint='work_dirs/toyfaces_64_fewshot_r18/iter_300.pth',
                prefix='backbone.',
            )
        )
    )
)
