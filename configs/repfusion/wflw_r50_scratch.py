# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ResNet-50 on WFLW from random weights: the paper's baseline.
# Result: never run at full size.
_base_ = [
    '../_base_/models/heatmap_r50.py',
    '../_base_/datasets/wflw_256.py',
    '../_base_/schedules/adam_60e.py',
    '../_base_/runtime/mmpose.py',
]
model = dict(head=dict(decoder=_base_.codec))
train_dataloader = dict(batch_size=64)  # official, on each of 2 GPUs
