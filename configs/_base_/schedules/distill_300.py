# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# A short distil-only run: no head, so no validation.
_base_ = './short_300.py'
optim_wrapper = dict(optimizer=dict(lr=1e-3))
