# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The same gradients in less memory: activations of pass 2 are computed again in the backward pass,
# and feedback is normalized over all GPUs.
_base_ = './diffeed_imagenet_adm_256.py'
model = dict(backbone=dict(checkpoint=True, norm_cfg=dict(type='SyncBN')))
