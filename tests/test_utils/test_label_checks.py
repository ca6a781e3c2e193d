# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Labels of known classes."""

import pytest
import torch

from mmdiffrep.utils.label_checks import check_label_range


def test_labels_in_range_pass():
    check_label_range('0.png', torch.tensor([[0, 2], [255, 1]]), 3, ignore=255)


@pytest.mark.parametrize(
    ('ignore', 'message'),
    [
        (None, r'0\.png: labels \[-1, 3, 255\] are out of range, expected 0 to 2\. Look'),
        (255, r'labels \[-1, 3\] are out of range, expected 0 to 2 or 255 \(ignored\)\. Look'),
    ],
)
def test_others_are_listed(ignore, message):
    with pytest.raises(ValueError, match=message):
        check_label_range('0.png', torch.tensor([0, 3, -1, 255, 3]), 3, ignore, 'Look at it.')
