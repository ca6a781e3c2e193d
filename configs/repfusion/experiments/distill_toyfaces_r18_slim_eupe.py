# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_toyfaces_r18_slim.py with the pairs of distill_toyfaces_r18_eupe.py: two layers, cosine
# and smooth L1, connectors with a hidden layer, targets scaled by statistics that stay.
# Result: see "Does a teacher pay?" in docs/results.md; with 400 iterations.
_base_ = './distill_toyfaces_r18_slim.py'
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
