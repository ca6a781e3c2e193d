# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_celebamask_64_r18.py with any timestep.
# Result: 33.3 ± 0.6 % mIoU of 100 test images (three seeds) after celebamask_64_r18.py; 32.3 ± 0.1
# from random weights.
_base_ = '../distill_celebamask_64_r18.py'
default_hooks = dict(
    repfusion=dict(
        policy=dict(_delete_=True, type='mmdiffrep.UniformTimestep', high=1000),
    ),
)
