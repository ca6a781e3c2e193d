# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# diffeed_imagenet_adm_256.py in less memory, with the same gradients: activations of pass 2 are
# computed again in the backward pass, and feedback is normalized over all GPUs.
# Result: never run at full size.
_base_ = './diffeed_imagenet_adm_256.py'
model = dict(backbone=dict(checkpoint=True, norm_cfg=dict(type='SyncBN')))
