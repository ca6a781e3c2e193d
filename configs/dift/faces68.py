# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# 68 landmarks of aligned real faces, matched by the shipped diffusion model. The same position is a
# good guess there (PCK@0.1 36.2), so look at the warped pairs too:
#   --cfg-options test_dataloader.dataset.warp=True
# Data as in docs/data_preparation.md, "faces with landmarks in a csv".
# Result: not measured.
_base_ = './toyfaces_landmarks.py'
test_dataloader = dict(
    dataset=dict(
        dataset=dict(
            _delete_=True,
            type='mmdiffrep.FaceLandmarkCsvDataset',
            data_root='data/face_landmarks_68',
            ann_file='test.csv',
            pipeline=[dict(type='LoadImage')],
        )
    )
)
