# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ../distill_celebamask_64_r18.py with the teacher's features from a bank, over 2 fixed views per
# image. Build it first: python -m mmdiffrep bank <this config>.
# Result: see "RepFusion" in docs/results.md; 300 iterations.
_base_ = '../distill_celebamask_64_r18.py'
bank = 'work_dirs/feature_banks/distill_celebamask_64_r18'
train_set = _base_.train_dataloader.dataset
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='mmdiffrep.FixedViews', num_views=2, bank=bank, dataset=train_set
    )
)
default_hooks = dict(
    repfusion=dict(
        teacher=dict(
            _delete_=True,
            type='mmdiffrep.BankTeacher',
            bank=bank,
            denoiser='work_dirs/ddpm_celebamask_64/denoiser',
        ),
        noise='per_image',  # a bank stores one draw per view
    ),
)
