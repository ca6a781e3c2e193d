# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on the CIFAR-10 subset: any timestep.
# Result: 40.25 ± 0.56 % top-1 of 5,000 test images (three seeds) after
# cifar10_small_r18_finetune.py; 39.11 ± 0.70 from random weights.
_base_ = './distill_cifar10_small_r18_fixed.py'
default_hooks = dict(
    repfusion=dict(
        policy=dict(_delete_=True, type='mmdiffrep.UniformTimestep', high=1000),
    ),
)
