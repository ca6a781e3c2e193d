# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 of the small experiments at 32 px: a slim ResNet-18 without a head. A config adds images,
# a teacher and a policy: of short_policies.py, or as below. `official` is as in the official code.
_base_ = [
    '../models/classifier_r18_slim.py',
    '../schedules/adamw_cosine_300.py',
    '../runtime/mmpretrain.py',
    './short_policies.py',
]
model = dict(_delete_=True, type='mmdiffrep.DistillationStudent', backbone=_base_.model.backbone)
hint = dict(type='mmdiffrep.PooledFeatureLoss', distance='l2', loss_weight=1.0)
repfusion = dict(
    type='mmdiffrep.RepFusionHook',
    pairs=[dict(student='backbone', teacher='mid', loss=hint, standardize=True)],
)
# All stages together predict the maps of the teacher's decoder, of noised images.
dense = dict(
    type='mmdiffrep.RepFusionHook',
    pairs=[
        dict(
            student=['backbone.layer1', 'backbone.layer2', 'backbone.layer3', 'backbone.layer4'],
            teacher='module:up_blocks.1',
            loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='smooth_l1'),
            standardize=True,
        )
    ],
    noise='fresh',
)
official = dict(
    type='mmdiffrep.RepFusionHook',
    pairs=[dict(student='backbone', teacher='module:mid_block.resnets.1.conv2', loss=hint)],
    teacher_input='student',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
)
labels = dict(type='mmdiffrep.ClassificationReward', num_classes=10)
reinforced = dict(reward=labels)
reinforced_free = dict(
    # There is no decoder to wait for; and the reward compares images: their mean is no baseline.
    policy=dict(_base_.reinforced.policy, warmup=0.0, baseline='moving_average'),
    reward=dict(type='mmdiffrep.InstanceDiscriminationReward'),
)
reinforced_official = dict(
    policy=dict(type='mmdiffrep.ReinforcedTimestep', baseline='none', entropy=0.1),
    reward=labels,
)
