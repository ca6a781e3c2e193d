# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on drawn faces by the dense targets of EUPE (Meta, 2026): 0.9 cosine + 0.1 smooth L1 of
# every pixel and the cosine of the average, connectors with layer norm and GELU, targets scaled by
# statistics that stay after 100 batches.
# Changed: one diffusion model as the teacher, not a proxy of three; 512 hidden channels (3,072);
# 100 batches of statistics (about 500); the average stands for the class token; 300 iterations
# (490,000).
# Result: not measured at full length; runs in tests.
_base_ = '../distill_toyfaces_r18.py'
_mlp = dict(type='mmdiffrep.MLPConnector', hidden_channels=512, layer_norm=True, activation='gelu')
_target = dict(type='channel', freeze_after=100)
default_hooks = dict(
    repfusion=dict(
        pairs=[
            dict(
                student='backbone[1]',
                teacher='dec.3',
                loss=[
                    dict(type='mmdiffrep.DenseFeatureLoss', distance='cosine', loss_weight=0.9),
                    dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1', loss_weight=0.1),
                ],
                connector=_mlp,
                target=_target,
            ),
            dict(
                student='backbone[3]',
                teacher='mid',
                loss=dict(type='mmdiffrep.PooledFeatureLoss', distance='cosine'),
                connector=_mlp,
                target=_target,
            ),
        ],
    ),
)
