# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Glasses on drawn faces: toyfaces_r18_cls_fixed_t.py with the teacher's features from a bank, over
# 8 fixed views per image. Build it first: python -m mmdiffrep bank <this config>.
# Result: not measured, nor its time per step: it runs no teacher network.
_base_ = './toyfaces_r18_cls_fixed_t.py'
bank = 'work_dirs/feature_banks/toyfaces_r18_cls_fixed_t'
train_set = _base_.train_dataloader.dataset
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='mmdiffrep.FixedViews', num_views=8, bank=bank, dataset=train_set
    )
)
default_hooks = dict(
    repfusion=dict(
        teacher=dict(
            _delete_=True,
            type='mmdiffrep.BankTeacher',
            bank=bank,
            denoiser='mmdiffrep://toyfaces_ddpm_64',
            pool=1,  # the loss compares averages
        ),
    ),
)
