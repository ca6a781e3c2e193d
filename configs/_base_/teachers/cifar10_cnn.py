# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 that was trained on CIFAR-10 by repfusion/cifar10_r18_scratch.py.
cnn = dict(
    type='mmdiffrep.HostTeacher',
    config='repfusion/cifar10_r18_scratch.py',
    checkpoint='work_dirs/cifar10_r18_scratch/epoch_200.pth',
)
