# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Runs of mmseg: types without a prefix are mmseg's.
default_scope = 'mmseg'
env_cfg = dict(cudnn_benchmark=True)
randomness = dict(seed=0)
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer'
)
