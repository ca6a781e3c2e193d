# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DAVIS 2017 by DIFT's official setting with ADM: t = 51, seventh block, 4 draws, 28 frames.
# Result: never run at full size (official: J&F 75.7).
_base_ = ['../_base_/teachers/adm_256_uncond.py', './davis2017_sd21.py']
model = dict(
    matcher=dict(_delete_=True, model={{_base_.adm_256}}, preset='dift_temporal_adm'),
    propagation=dict(top_k=10, temperature=0.1),
)
