# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from mmpose.evaluation.metrics import NME

from mmdiffrep.evaluation import VisibleNME

INDICES = [0, 1]
META = dict(dataset_name='own', keypoint_id2name={0: 'a', 1: 'b', 2: 'c'})


def measure(metric, *faces):
    metric.dataset_meta = META
    for visible, error in faces:
        truth = np.array([[[0.0, 0.0], [10.0, 0.0], [5.0, 5.0]]])
        metric.process(
            None,
            [
                dict(
                    pred_instances=dict(keypoints=truth + np.array([error, 0])),
                    gt_instances=dict(keypoints=truth, keypoints_visible=np.array([visible])),
                )
            ],
        )
    return metric.compute_metrics(metric.results)['NME']


def test_with_all_landmarks_it_is_the_hosts_metric():
    faces = [([1, 1, 1], 1.0), ([1, 1, 0], 3.0)]
    expected = measure(NME('keypoint_distance', keypoint_indices=INDICES), *faces)
    assert measure(VisibleNME('keypoint_distance', keypoint_indices=INDICES), *faces) == expected


def test_nothing_visible_is_not_a_perfect_score():
    faces = [([0, 0, 0], 4.0)] * 2
    assert measure(NME('keypoint_distance', keypoint_indices=INDICES), *faces) == 0
    assert math.isnan(measure(VisibleNME('keypoint_distance', keypoint_indices=INDICES), *faces))


@pytest.mark.parametrize('hidden', [[0, 0, 0], [0, 1, 1], [1, 0, 1]])
def test_a_face_without_the_landmarks_of_its_scale_does_not_count(hidden):
    metric = VisibleNME('keypoint_distance', keypoint_indices=INDICES)
    assert measure(metric, ([1, 1, 1], 1.0), (hidden, 7.0)) == pytest.approx(0.1)


def test_with_another_scale_any_visible_landmark_counts():
    metric = VisibleNME(norm_mode='use_norm_item', norm_item='bbox_size')
    metric.dataset_meta = META
    assert metric._can_be_measured(dict(mask=np.array([[0, 0, 1]])))
    assert not metric._can_be_measured(dict(mask=np.array([[0, 0, 0]])))
