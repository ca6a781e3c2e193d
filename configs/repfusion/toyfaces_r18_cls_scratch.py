# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline of toyfaces_r18_cls.py (glasses, 3 classes) from random weights.
_base_ = [
    '../_base_/models/classifier_r18_64.py',
    '../_base_/datasets/toyfaces_cls.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmpretrain.py',
]
custom_hooks = [dict(type='mmdiffrep.ExactResumeHook')]
