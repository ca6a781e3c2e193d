# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# 68 landmarks of aligned real faces: on them the same position is a good guess (36.2 of 60 pairs),
# so look at the warped pairs too: --cfg-options test_dataloader.dataset.warp=True. Data as in
# docs/data_preparation.md, "faces with landmarks in a csv".
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
