# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# PF-WILLOW by DIFT's setting for SPair-71k; thresholds are shares of the box of the keypoints.
# Result: never run at full size.
_base_ = './spair71k_sd21.py'
test_dataloader = dict(
    dataset=dict(_delete_=True, type='mmdiffrep.PFWillow', data_root='data/PF-WILLOW')
)
