# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# PF-PASCAL by DIFT's setting for SPair-71k; thresholds are shares of the image.
# Result: never run at full size.
_base_ = './spair71k_sd21.py'
test_dataloader = dict(
    dataset=dict(_delete_=True, type='mmdiffrep.PFPascal', data_root='data/PF-PASCAL')
)
test_evaluator = dict(thresholds=('image',))
