# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The denoiser as far as the tap is trained with the classifier.
_base_ = './ddae_probe.py'
model = dict(
    backbone=dict(frozen=False),
    head=dict(loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original')),
)
