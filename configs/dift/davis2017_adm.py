# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DAVIS 2017 by DIFT's official setting with ADM: t = 51, seventh block, 4 draws, 28 frames.
# Result: never run at full size (official: J&F 75.7).
_base_ = ['../_base_/teachers/adm_256_uncond.py', './davis2016_toyfaces.py']
model = dict(
    matcher=dict(_delete_=True, model={{_base_.adm_256}}, preset='dift_temporal_adm'),
    propagation=dict(context=28, radius=15, top_k=10, temperature=0.1),
    stride=None,
)
test_dataloader = dict(dataset=dict(ann_file='ImageSets/2017/val.txt'))
