# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# Runs that need no host library: training of diffusion models.
default_scope = 'mmengine'
env_cfg = dict(cudnn_benchmark=True)
randomness = dict(seed=0)
