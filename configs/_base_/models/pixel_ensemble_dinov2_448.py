# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg's head on DINOv2, which is younger than the paper: the last four blocks of ViT-L/14, as
# in DINOv2's own linear segmentation. 448 px give 32 x 32 patches, like 256 px with patches of 8.
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
        size=448,
        backbone=dict(
            type='mmpretrain.VisionTransformer',
            arch='large',
            img_size=518,
            patch_size=14,
            layer_scale_init_value=1e-5,
            out_indices=list(range(20, 24)),
            out_type='featmap',
            final_norm=False,  # it would be applied to the last block alone
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmpretrain/v1.0/dinov2/'
                'vit-large-p14_dinov2-pre_3rdparty_20230426-f3302d9e.pth',
                prefix='backbone.',
            ),
        ),
    ),
    neck=dict(type='mmdiffrep.LazyHypercolumn'),
    decode_head=dict(type='mmdiffrep.PixelMLPEnsembleHead', num_members=10),
)
