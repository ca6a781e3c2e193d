# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline of face68_r18.py: the same student and budget from random weights.
_base_ = [
    '../_base_/models/heatmap_r18_64.py',
    '../_base_/datasets/face_landmarks_68.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmpose.py',
]
model = dict(head=dict(out_channels=68))
custom_hooks = [dict(type='mmdiffrep.ExactResumeHook')]
