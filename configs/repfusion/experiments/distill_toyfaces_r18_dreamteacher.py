# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on drawn faces by DreamTeacher's recipe (Li et al., 2023): pyramid regressor, four decoder
# maps, squared error and attention transfer to layer-normalized targets.
# Guessed, as there is no official code: which decoder blocks, what the layer norm runs over, the
# mean over the levels for AT. Changed for 64 px: 64 channels (256), t = 50 of 256 px is t = 9 here,
# 300 iterations (100 to 600 epochs), batch 16 (256).
# Result: not measured at full length; runs in tests.
_base_ = '../distill_toyfaces_r18.py'
_loss = [
    # The mean over four levels.
    dict(type='mmdiffrep.DenseFeatureLoss', distance='l2', loss_weight=0.25),
    dict(type='mmdiffrep.AttentionTransferLoss', distance='norm', loss_weight=2.5),
]
default_hooks = dict(
    repfusion=dict(
        pyramid=dict(
            student=['backbone[0]', 'backbone[1]', 'backbone[2]', 'backbone[3]'], channels=64
        ),
        pairs=[
            dict(student='pyramid[3]', teacher='dec.1', loss=_loss, target='layer_norm'),
            dict(student='pyramid[2]', teacher='dec.3', loss=_loss, target='layer_norm'),
            dict(student='pyramid[1]', teacher='dec.5', loss=_loss, target='layer_norm'),
            dict(student='pyramid[0]', teacher='dec.7', loss=_loss, target='layer_norm'),
        ],
        policy=dict(_delete_=True, type='mmdiffrep.MatchedTimestep', t=50, image_size=256),
    ),
)
optim_wrapper = dict(optimizer=dict(betas=(0.9, 0.95), weight_decay=0.05))
