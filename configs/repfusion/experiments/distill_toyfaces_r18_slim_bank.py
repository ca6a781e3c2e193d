# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# distill_toyfaces_r18_slim.py with the teacher's features from a bank, over 2 fixed views per
# image. Build it first: python -m mmdiffrep bank <this config>.
# Result: see "Does a teacher pay?" in docs/results.md; with 400 iterations.
_base_ = './distill_toyfaces_r18_slim.py'
bank = 'work_dirs/feature_banks/distill_toyfaces_r18_slim'
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
            denoiser='mmdiffrep://toyfaces_ddpm_64',
        ),
        noise='per_image',  # a bank stores one draw per view
    ),
)
