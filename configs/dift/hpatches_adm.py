# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# HPatches by DIFT's official setting with ADM: t = 41, eleventh block, 768 px, 4 draws, mutual
# nearest neighbors by distance, RANSAC.
# Result: never run at full size.
_base_ = ['../_base_/teachers/adm_256_uncond.py', './hpatches_sd21.py']
model = dict(
    matcher=dict(_delete_=True, model={{_base_.adm_256}}, preset='dift_geometric_adm'),
    metric='l2',
    method='ransac',
)
