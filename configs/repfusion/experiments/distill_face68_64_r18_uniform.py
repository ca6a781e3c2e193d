# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_face68_64_r18.py with any timestep.
# Result: 9.68 ± 0.28 % NME of 610 test faces (three seeds) after face68_r18.py; 9.99 ± 0.21 from
# random weights.
_base_ = '../distill_face68_64_r18.py'
default_hooks = dict(
    repfusion=dict(
        policy=dict(_delete_=True, type='mmdiffrep.UniformTimestep', high=1000),
    ),
)
