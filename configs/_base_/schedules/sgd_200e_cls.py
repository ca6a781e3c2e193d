# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Official schedule of a classification task: sgd_200e.py, and accuracy along the way.
_base_ = './sgd_200e.py'
train_cfg = dict(val_interval=10)
val_cfg = dict()
test_cfg = dict()
