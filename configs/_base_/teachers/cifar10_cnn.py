# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-18 that was trained on CIFAR-10 by repfusion/cifar10_r18_scratch.py.
cnn = dict(
    type='mmdiffrep.HostTeacher',
    config='repfusion/cifar10_r18_scratch.py',
    checkpoint='work_dirs/cifar10_r18_scratch/epoch_200.pth',
)
# For a hook that was written for a diffusion model: a CNN has no timesteps that a policy could
# choose, so nobody asks for a reward, and it sees the image in its own normalization.
no_timesteps = dict(policy=None, reward=None, holdout=0.0, teacher_input='exact')
soft_target = dict(
    student='head.fc',
    teacher='head.fc',
    loss=dict(type='mmdiffrep.SoftTargetLoss', temperature=4.0),
)
