# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from mmengine.logging import MessageHub

from mmdiffrep.evaluation import SubsetNME
from mmdiffrep.registry import METRICS

META = dict(dataset_name='wflw', keypoint_id2name={i: f'kpt-{i}' for i in range(98)})
ERRORS = (1.0, 2.0, 6.0)
"""Pixels that each face is off by; the outer eye corners are 10 px apart."""


def write(path, attributes):
    annotations = [dict(id=10 + i, attributes=a) for i, a in enumerate(attributes)]
    path.write_text(json.dumps(dict(annotations=annotations)))
    return str(path)


@pytest.fixture
def ann_file(tmp_path):
    flags = [dict(largepose=1, blur=0), dict(largepose=1, blur=1), dict(largepose=0, blur=0)]
    return write(tmp_path / 'test.json', flags)


def samples():
    points = np.zeros((1, 98, 2))
    points[0, 72] = 10, 0
    return [
        dict(
            id=10 + index,
            gt_instances=dict(keypoints=points, keypoints_visible=np.ones((1, 98))),
            pred_instances=dict(keypoints=points + np.array((0, error))),
        )
        for index, error in enumerate(ERRORS)
    ]


def evaluate(metric):
    metric.dataset_meta = META
    for sample in samples():
        metric.process({}, [sample])
    return metric.evaluate(size=len(ERRORS))


def test_all_faces_and_every_subset(ann_file):
    result = evaluate(SubsetNME(ann_file=ann_file))
    assert result == pytest.approx({'NME': 0.3, 'NME/largepose': 0.15, 'NME/blur': 0.2})


def test_it_is_found_by_its_name_and_takes_the_options_of_nme(ann_file):
    config = dict(type='mmdiffrep.SubsetNME', ann_file=ann_file, keypoint_indices=[0, 72])
    assert evaluate(METRICS.build(config))['NME'] == pytest.approx(0.3)
    with pytest.raises(ValueError, match='norm_mode must be one of'):
        SubsetNME(norm_mode='by_eye')


def test_the_file_is_that_of_the_data_set(ann_file):
    hub = MessageHub.get_current_instance()
    hub.update_info('wflw_ann_file', ann_file)
    try:
        assert evaluate(SubsetNME())['NME/blur'] == pytest.approx(0.2)
    finally:
        hub.update_info('wflw_ann_file', None)
    with pytest.raises(ValueError, match="data set 'wflw' are unknown"):
        evaluate(SubsetNME())


def test_a_subset_without_a_face_is_left_out(tmp_path):
    ann_file = write(tmp_path / 'test.json', [dict(blur=0)] * 3)
    assert set(evaluate(SubsetNME(ann_file=ann_file))) == {'NME'}


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.json does not exist'):
        SubsetNME(ann_file='nowhere.json')
    path = tmp_path / 'mmpose.json'
    path.write_text(json.dumps(dict(annotations=[dict(id=0)])))
    with pytest.raises(ValueError, match='tools/prepare_data/wflw.py'):
        SubsetNME(ann_file=str(path))
    other = write(path, [dict(blur=1)])
    with pytest.raises(ValueError, match='no annotation with the id 11'):
        evaluate(SubsetNME(ann_file=other))
