# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline of toyfaces_r18_pose.py on drawn faces (98 landmarks, 256 labeled faces): the same
# student and budget from random weights.
# Result: not measured; 300 iterations take about a minute on two CPU cores.
_base_ = [
    '../_base_/models/heatmap_r18_64.py',
    '../_base_/datasets/toyfaces_pose.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmpose.py',
]
