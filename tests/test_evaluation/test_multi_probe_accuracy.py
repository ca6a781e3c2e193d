# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from mmdiffrep.evaluation import MultiProbeAccuracy

NAMES = ['t1/mid', 't2/mid']


def predicted(labels, truth):
    return dict(
        probe_names=NAMES, probe_labels=torch.tensor(labels), gt_label=torch.tensor([truth])
    )


def test_each_probe_is_scored_on_its_own():
    metric = MultiProbeAccuracy()
    metric.process(None, [predicted([0, 1], 1), predicted([2, 2], 2)])
    metric.process(None, [predicted([0, 0], 0), predicted([3, 1], 1)])
    found = metric.evaluate(4)
    assert found == {'probe/t1/mid': 50.0, 'probe/t2/mid': 100.0, 'probe/best': 100.0}


@pytest.mark.parametrize('missing', ['probe_labels', 'gt_label'])
def test_predictions_of_another_head_are_named(missing):
    sample = predicted([0, 1], 1)
    del sample[missing]
    with pytest.raises(ValueError, match='needs probe_labels, which mmdiffrep.MultiProbeHead'):
        MultiProbeAccuracy().process(None, [sample])


def test_without_images_there_is_no_best():
    assert math.isnan(MultiProbeAccuracy().evaluate(0)['probe/best'])
