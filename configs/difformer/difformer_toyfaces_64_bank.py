# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DifFormer on drawn faces (how long is the hair?), from a feature bank of the diffusion model that
# comes with the package: no files, no download, a few minutes on one core.
# Result: not measured; a few minutes on one core.
_base_ = [
    '../_base_/models/difformer_32.py',
    '../_base_/datasets/toyfaces_cls.py',
    '../_base_/schedules/adamw_cosine_300.py',
    '../_base_/runtime/mmpretrain.py',
]
data_preprocessor = dict(_delete_=True, type='mmdiffrep.StoredFeaturesPreprocessor')
stored = dict(
    _delete_=True,
    type='mmdiffrep.FeatureBankDataset',
    bank=dict(
        model='mmdiffrep://toyfaces_ddpm_64',
        taps=['mid', 'dec.1', 'dec.3'],
        timesteps=[50, 100, 200],
        noise='per_image',
        pool=4,
    ),
    keep_samples=True,
)
model = dict(
    backbone=dict(_delete_=True, type='mmdiffrep.StoredFeatures'),
    neck=dict(in_channels=[160, 160, 128]),
    head=dict(num_classes=4, topk=(1,)),
)
attribute = 'hair_length'
train_set = dict(
    _base_.train_dataloader.dataset, attribute=attribute, pipeline=_base_.test_pipeline
)
val_set = dict(_base_.val_dataloader.dataset, attribute=attribute)
test_set = dict(_base_.test_dataloader.dataset, attribute=attribute)
train_dataloader = dict(dataset=dict(**stored, dataset=train_set))
val_dataloader = dict(dataset=dict(**stored, dataset=val_set))
test_dataloader = dict(dataset=dict(**stored, dataset=test_set))
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(label_range=dict(type='mmdiffrep.LabelRangeHook'))
