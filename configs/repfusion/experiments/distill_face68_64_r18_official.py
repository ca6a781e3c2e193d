# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_face68_64_r18.py with the official code's layers, loss, input and timestep, those of
# ../celebamask_r18_official.py.
# Result: 10.05 ± 0.27 % NME of 610 test faces (three seeds) after face68_r18.py; 9.99 ± 0.21 from
# random weights.
_base_ = '../distill_face68_64_r18.py'
default_hooks = dict(
    repfusion=dict(
        type='mmdiffrep.RepFusionHook',
        _delete_=True,
        teacher='work_dirs/ddpm_celebamask_64/denoiser',
        pairs=[
            dict(
                student='backbone',
                teacher='module:mid_block.resnets.1.conv2',
                loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l2', loss_weight=1.0),
            )
        ],
        policy=dict(type='mmdiffrep.FixedTimestep', t=0),
        noise='none',
        teacher_input='student',
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
    ),
)
