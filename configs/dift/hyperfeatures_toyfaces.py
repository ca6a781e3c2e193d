# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Diffusion Hyperfeatures on drawn faces: an aggregation of four taps at three timesteps, trained on
# 1,500 warped pairs of other faces than those of the test.
# Result: PCK@0.1 71.9, 66.0 and 72.3 (three seeds of 60 pairs; fixed joining 47.0, 43.7, 48.9),
# warped 44.1, 45.3 and 51.3 (19.3, 21.3, 25.2). 7 minutes on a CPU core.
_base_ = './toyfaces_landmarks.py'
model = dict(
    _delete_=True,
    type='mmdiffrep.HyperfeatureMatcher',
    matcher=dict(
        model='mmdiffrep://toyfaces_ddpm_64',
        taps=['dec.1', 'dec.2', 'dec.3', 'dec.5'],
        timesteps=[1, 50, 200],
    ),
    neck=dict(type='mmdiffrep.Hyperfeatures', out_channels=128, num_groups=16),
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmdiffrep.LandmarkPairs',
        num_pairs=1500,
        seed=100,
        warp=True,
        dataset=dict(
            type='mmdiffrep.ToyFacesDataset',
            split='train',
            num_images=1000,
            task='pose',
            pipeline=[dict(type='mmdiffrep.LoadToyFace')],
        ),
    ),
)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.0))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=600)
log_processor = dict(by_epoch=False, window_size=50)
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(
        type='mmdiffrep.AtomicCheckpointHook', interval=200, by_epoch=False, max_keep_ckpts=1
    ),
    finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
    exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
)
