# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# toyfaces_64_fewshot.py from a feature bank: the diffusion model sees an image once for all runs
# that follow, such as those of tools/benchmarks/repeat_splits.py. The bank takes 1 MB per image.
# Result: not measured apart from toyfaces_64_fewshot.py.
_base_ = './toyfaces_64_fewshot.py'
maps = [(160, 8), (128, 4), (64, 2), (32, 1)] * 2  # channels and stride: four taps, two timesteps
model = dict(
    data_preprocessor=dict(_delete_=True, type='BaseDataPreprocessor'),
    backbone=dict(_delete_=True, type='mmdiffrep.StoredFeatures'),
    neck=dict(in_channels=[c for c, _ in maps], in_strides=[s for _, s in maps]),
)
stored = dict(
    _delete_=True,
    type='mmdiffrep.FeatureBankDataset',
    bank=dict(
        model='mmdiffrep://toyfaces_ddpm_64',
        taps=['dec.1', 'dec.3', 'dec.5', 'dec.6'],
        timesteps=[50, 150],
    ),
)
train_dataloader = dict(dataset=dict(**stored, dataset={{_base_.train_dataloader.dataset}}))
val_dataloader = dict(dataset=dict(**stored, dataset={{_base_.val_dataloader.dataset}}))
test_dataloader = dict(dataset=dict(**stored, dataset={{_base_.test_dataloader.dataset}}))
