# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A short fine-tuning run.
_base_ = './short_300.py'
optim_wrapper = dict(optimizer=dict(lr=2e-3))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
