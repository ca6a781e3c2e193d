# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from mmdiffrep.evaluation import MeanUncertainty


def test_mean_of_the_images():
    metric = MeanUncertainty()
    metric.process({}, [dict(uncertainty_score=torch.tensor(value)) for value in (0.25, 0.5)])
    metric.process({}, [dict(uncertainty_score=torch.tensor(0.75))])
    assert metric.evaluate(3) == dict(uncertainty=0.5)


def test_predictions_without_a_score_are_refused():
    with pytest.raises(ValueError, match='needs predictions with an `uncertainty_score`'):
        MeanUncertainty().process({}, [dict(pred_sem_seg=None)])


def test_without_images_there_is_no_mean():
    assert math.isnan(MeanUncertainty().evaluate(0)['uncertainty'])
