# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A small DDPM (5.6 M parameters) of the faces of a 68-point landmark data set, 64 px.
# Result: after 1,000 of 2,000 steps, the matcher of configs/dift/README.md; no student yet.
_base_ = [
    '../_base_/models/ddpm_64.py',
    '../_base_/datasets/face_landmarks_68_image.py',
    '../_base_/schedules/ddpm_short.py',
    '../_base_/runtime/mmengine.py',
]
