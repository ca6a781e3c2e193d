# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Runs of mmdet: types without a prefix are mmdet's.
default_scope = 'mmdet'
env_cfg = dict(cudnn_benchmark=True)
randomness = dict(seed=0)
visualizer = dict(
    type='DetLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer'
)
