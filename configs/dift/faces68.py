# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# 68 landmarks of aligned real faces, matched by the shipped diffusion model. The same position is a
# good guess there (PCK@0.1 36.2), so look at the warped pairs too:
#   --cfg-options test_dataloader.dataset.warp=True
# Data as in docs/data_preparation.md, "faces with landmarks in a csv".
# Result: PCK@0.1 of `dec.2` 35.1, 40.3, 34.3, warped 19.5, 22.3, 20.5 (three seeds of 60 pairs).
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
