# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The baseline of toyfaces_r18_cls.py on drawn faces (glasses, 3 classes, 256 labeled faces): the
# same student and budget from random weights.
# Result: not measured; 300 iterations take about a minute on two CPU cores.
_base_ = [
    '../_base_/models/classifier_r18_64.py',
    '../_base_/datasets/toyfaces_cls.py',
    '../_base_/schedules/adamw_300.py',
    '../_base_/runtime/mmpretrain.py',
]
default_hooks = dict(label_range=dict(type='mmdiffrep.LabelRangeHook'))
