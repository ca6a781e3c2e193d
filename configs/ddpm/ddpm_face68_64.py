# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
_base_ = [
    '../_base_/models/ddpm_64.py',
    '../_base_/datasets/face_landmarks_68_image.py',
    '../_base_/schedules/ddpm_short.py',
    '../_base_/runtime/ddpm_runtime.py',
]
