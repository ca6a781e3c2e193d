# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Stage 1 on drawn faces by "A good teacher is patient and consistent" (Beyer et al., 2022): crops,
# flips and mixup without labels, and the same tensor for student and teacher.
# Changed: a feature of a diffusion model, not the classes of a ResNet-152; milder crops; 300
# iterations. Its point is length (1,200 epochs and more), so run it longer:
#   --cfg-options train_cfg.max_iters=19200 param_scheduler.1.end=19200
# Result: not measured at full length; runs in tests.
_base_ = '../distill_toyfaces_r18.py'
model = dict(data_preprocessor=dict(type='mmdiffrep.MixupPreprocessor', alpha=1.0))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='mmdiffrep.LoadToyFace'),
            dict(type='RandomResize', scale=(64, 64), ratio_range=(1.0, 1.5), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(64, 64)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='mmdiffrep.PackImage'),
        ]
    )
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
