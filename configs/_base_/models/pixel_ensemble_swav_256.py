# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DDPM-Seg's head on SwAV, a ResNet-50. Official: trained on the images of the diffusion model; here
# mmpretrain's of ImageNet.
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
        # official: what every other block of a stage is given, 6720 channels in all
        layers=[
            *('layer1.0@in', 'layer1.2@in'),
            *('layer2.0@in', 'layer2.2@in'),
            *('layer3.0@in', 'layer3.2@in', 'layer3.4@in'),
            *('layer4.0@in', 'layer4.2@in'),
        ],
        backbone=dict(
            type='mmpretrain.ResNet',
            depth=50,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmselfsup/1.x/swav/'
                'swav_resnet50_8xb32-mcrop-2-6-coslr-200e_in1k-224-96/'
                'swav_resnet50_8xb32-mcrop-2-6-coslr-200e_in1k-224-96_20220825-5b3fc7fc.pth',
                prefix='backbone.',
            ),
        ),
    ),
    neck=dict(type='mmdiffrep.LazyHypercolumn'),
    decode_head=dict(type='mmdiffrep.PixelMLPEnsembleHead', num_members=10),
)
