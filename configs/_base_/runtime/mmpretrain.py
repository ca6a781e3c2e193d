# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Runs of mmpretrain: types without a prefix are mmpretrain's.
default_scope = 'mmpretrain'
env_cfg = dict(cudnn_benchmark=True)
randomness = dict(seed=0)
visualizer = dict(
    type='UniversalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer'
)
