# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 that was trained on Tiny-ImageNet by repfusion/tinyimagenet_r18_scratch.py.
_base_ = './cifar10_cnn.py'
cnn = dict(
    config='repfusion/tinyimagenet_r18_scratch.py',
    checkpoint='work_dirs/tinyimagenet_r18_scratch/epoch_200.pth',
)
