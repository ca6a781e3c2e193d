# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on Fashion-MNIST: any timestep.
# Result: 77.42 ± 1.09 % top-1 of 10,000 test images with all labels (three seeds) after
# fashionmnist_r18_finetune.py; 77.05 ± 0.80 from random weights.
_base_ = './distill_fashionmnist_r18_fixed.py'
default_hooks = dict(
    repfusion=dict(
        policy=dict(_delete_=True, type='mmdiffrep.UniformTimestep', high=1000),
    ),
)
