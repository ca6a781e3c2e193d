# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# SPair-71k by DIFT's official setting with ADM: t = 101, fourth block, 512 px, 8 draws.
# Result: never run at full size (official: PCK@0.1 52.0 per point).
_base_ = ['../_base_/teachers/adm_256_uncond.py', './spair71k_sd21.py']
model = dict(
    matcher=dict(_delete_=True, model={{_base_.adm_256}}, preset='dift_semantic_adm'),
    prompt=None,
)
