# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A baseline of ffhq_34_adm_256.py on FFHQ-34: a masked autoencoder under the same head.
# Result: never run at full size.
_base_ = [
    '../_base_/models/pixel_ensemble_mae_256.py',
    '../_base_/datasets/ddpm_seg.py',
    '../_base_/schedules/pixel_ensemble.py',
    '../_base_/runtime/mmseg.py',
]
category = 'ffhq_34'
model = dict(decode_head=dict(num_classes=34))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
