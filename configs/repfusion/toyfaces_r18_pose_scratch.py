# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline of toyfaces_r18_pose.py (98 landmarks) from random weights.
_base_ = [
    '../_base_/models/heatmap_r18_64.py',
    '../_base_/datasets/toyfaces_pose.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmpose.py',
]
custom_hooks = [dict(type='mmdiffrep.ExactResumeHook')]
