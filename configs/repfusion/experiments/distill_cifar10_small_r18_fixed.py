# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on the CIFAR-10 subset: a slim ResNet-18 learns the pooled middle block of a small
# diffusion model, every image at t = 50. The teacher is what ../../ddpm/ddpm_cifar10_32.py trained.
# Result: 40.83 ± 0.20 % top-1 of 5,000 test images (three seeds) after
# cifar10_small_r18_finetune.py; 39.11 ± 0.70 from random weights.
_base_ = [
    '../../_base_/models/student_r18_slim.py',
    '../../_base_/datasets/cifar10_small_train.py',
    '../../_base_/schedules/adamw_cosine_300.py',
    '../../_base_/runtime/mmpretrain.py',
]
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        teacher='work_dirs/ddpm_cifar10_32/denoiser',
        pairs=[
            dict(
                student='backbone',
                teacher='mid',
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1.0),
                standardize=True,
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=50),
    ),
)
