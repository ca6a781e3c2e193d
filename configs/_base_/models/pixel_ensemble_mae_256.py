# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg's head on a masked autoencoder. Official: ViT-L/8 trained at 256 px on the images of the
# diffusion model, not published with mmpretrain; here its ViT-L/16 of ImageNet.
model = dict(
    type='mmdiffrep.PixelEnsembleSegmentor',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='mmdiffrep.HostBackbone',
        size=256,
        backbone=dict(
            type='mmpretrain.VisionTransformer',
            arch='large',
            img_size=256,
            patch_size=16,  # official: 8
            out_indices=list(range(12, 24)),  # official: the last 12 of 24 blocks
            out_type='featmap',
            final_norm=False,  # official: what the blocks give
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmselfsup/1.x/mae/'
                'mae_vit-large-p16_8xb512-fp16-coslr-1600e_in1k/'
                'mae_vit-large-p16_8xb512-fp16-coslr-1600e_in1k_20220825-cc7e98c9.pth',
                prefix='backbone.',
            ),
        ),
    ),
    neck=dict(type='mmdiffrep.LazyHypercolumn'),
    decode_head=dict(type='mmdiffrep.PixelMLPEnsembleHead', num_members=10),
)
