# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
_base_ = './mmseg.py'
default_scope = 'mmdet'
visualizer = dict(type='DetLocalVisualizer')
