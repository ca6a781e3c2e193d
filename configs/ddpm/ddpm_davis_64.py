# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A small DDPM (5.6 M parameters) of crops of video frames (DAVIS 2016), 64 px, without masks.
# Result: after 1,000 of 2,000 steps of 8, a row of the videos in configs/dift/README.md.
_base_ = [
    '../_base_/models/ddpm_64.py',
    '../_base_/datasets/davis_frames_64.py',
    '../_base_/schedules/ddpm_short.py',
    '../_base_/runtime/mmengine.py',
]
