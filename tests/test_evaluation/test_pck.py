# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.evaluation import PCK


def sample(distances, category='cat', box=(0, 0, 10, 20), size=(50, 40)):
    true = torch.zeros(len(distances), 2)
    predicted = true.clone()
    predicted[:, 0] = torch.tensor(distances)
    return dict(
        pred_points=predicted,
        target_points=true,
        target_box=box,
        target_size=size,
        category=category,
    )


def scores(*samples, **options):
    metric = PCK(**options)
    metric.process({}, samples)
    return metric.compute_metrics(metric.results)


def test_per_point_and_per_image():
    result = scores(sample([0.0, 2.0, 2.1, 9.0]), sample([1.0]))
    assert result == pytest.approx({'box/PCK@0.1': 60.0, 'box/PCK@0.1_per_image': 75.0})


def test_thresholds_are_shares_of_the_longer_side():
    result = scores(sample([2.0, 2.1, 5.0, 5.1]), thresholds=['box', 'image'])
    assert result['box/PCK@0.1'] == 25 and result['image/PCK@0.1'] == 75


def test_categories_and_several_shares():
    result = scores(sample([0.0]), sample([3.0], 'dog'), alphas=[0.1, 0.2])
    assert result['box/PCK@0.1/cat'] == 100 and result['box/PCK@0.1/dog'] == 0
    assert result['box/PCK@0.1'] == 50 and result['box/PCK@0.2'] == 100


def test_pairs_without_points_count_nowhere():
    result = scores(sample([0.0]), sample([], 'dog'))
    assert result['box/PCK@0.1'] == result['box/PCK@0.1_per_image'] == 100
    assert result['box/PCK@0.1'] == 100 and 'box/PCK@0.1/dog' not in result


@pytest.mark.parametrize('options', [dict(alphas=[0]), dict(thresholds=['img'])])
def test_bad_arguments(options):
    with pytest.raises(ValueError, match='must be'):
        PCK(**options)
