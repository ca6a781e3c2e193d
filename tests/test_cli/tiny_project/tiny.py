# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import time

# By default named after the second: two runs within one would share their logger.
experiment_name = f'tiny_{time.time_ns()}'
custom_imports = dict(imports=['tiny_parts'])
model = dict(type='LineModel')
loader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='LineData'),
    collate_fn=dict(type='default_collate'),
)
train_dataloader = dict(loader, sampler=dict(type='InfiniteSampler', shuffle=False))
val_dataloader = loader
test_dataloader = loader
val_evaluator = dict(type='LineError')
test_evaluator = val_evaluator
train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=4)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
default_hooks = dict(
    checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=2)
)
auto_scale_lr = dict(base_batch_size=4)
randomness = dict(seed=0)
