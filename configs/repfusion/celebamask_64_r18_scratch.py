# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline of celebamask_64_r18.py: the same student and budget from random weights.
_base_ = [
    '../_base_/models/fcn_r18_64.py',
    '../_base_/datasets/celebamask_64.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmseg.py',
]
custom_hooks = [dict(type='mmdiffrep.ExactResumeHook')]
