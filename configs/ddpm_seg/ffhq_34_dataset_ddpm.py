# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# DatasetDDPM on FFHQ-34, official values: DeepLabV3-R101 from random weights on the sampled images
# that the ensemble of ffhq_34_adm_256.py has labeled, the epoch chosen on the 20 labeled ones.
# tools/make_dataset_ddpm.py makes the data, with --sampler ddpm --steps 1000 (official).
# Result: never run at full size.
_base_ = [
    'mmseg::_base_/models/deeplabv3_r50-d8.py',
    '../_base_/datasets/ddpm_seg.py',
    '../_base_/runtime/mmseg.py',
]
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    pretrained=None,
    data_preprocessor=dict(size=(256, 256)),
    backbone=dict(depth=101, norm_cfg=norm_cfg),
    decode_head=dict(num_classes=34, norm_cfg=norm_cfg),
    auxiliary_head=None,
)
category = 'ffhq_34'
labeled = dict(
    type='mmdiffrep.DDPMSegDataset',
    data_root='data/ddpm_seg',
    category=category,
    repeat=None,
    pipeline=_base_.pipeline,
)
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=False,  # or a resumed run would not be the same bit for bit
    pin_memory=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        _delete_=True,
        type='mmdiffrep.DatasetDDPM',
        data_root='work_dirs/ffhq_34_dataset_ddpm',
        pipeline=_base_.pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**labeled, split='train'),
)
test_dataloader = dict(dataset=dict(category=category))
val_evaluator = [dict(type='mmdiffrep.DDPMSegIoU')]
test_evaluator = val_evaluator
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=True)
default_hooks = dict(
    checkpoint=dict(
        type='mmdiffrep.AtomicCheckpointHook',
        by_epoch=True,
        interval=1,
        max_keep_ckpts=2,
        save_best='mIoU',
    ),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
)
