# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Runs of mmpose: types without a prefix are mmpose's.
default_scope = 'mmpose'
env_cfg = dict(cudnn_benchmark=True)
randomness = dict(seed=0)
visualizer = dict(
    type='PoseLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer'
)
