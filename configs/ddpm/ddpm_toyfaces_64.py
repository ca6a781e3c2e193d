# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A small DDPM (5.6 M parameters) of drawn faces, 64 px, no download.
# Result: not measured in this form; the shipped model mmdiffrep://toyfaces_ddpm_64 was trained in
# two stages, see its model card. 2,000 steps of 0.9 s on two shared CPU cores.
_base_ = [
    '../_base_/models/ddpm_64.py',
    '../_base_/datasets/toyfaces_image_64.py',
    '../_base_/schedules/ddpm_short.py',
    '../_base_/runtime/mmengine.py',
]
