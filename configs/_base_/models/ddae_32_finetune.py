# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
_base_ = './ddae_32_probe.py'
model = dict(backbone=dict(frozen=False))
