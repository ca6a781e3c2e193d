# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiffrep.measures import hold_out


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30), st.integers(1, 4), st.floats(0.01, 0.99), st.integers(0, 5))
def test_hold_out_takes_the_share_of_every_class(each, classes, share, seed):
    labels = torch.arange(each * classes) % classes
    chosen = hold_out(labels, classes, share, seed)
    counts = labels[chosen].bincount(minlength=classes)
    expected = min(max(1, round(share * each)), each - 1)
    assert counts.tolist() == [expected] * classes
    assert torch.equal(chosen, hold_out(labels, classes, share, seed))


@pytest.mark.parametrize(
    ('labels', 'share', 'message'),
    [
        ([0, 0, 1], 0.5, 'Class 1 has 1 of 3 images, too few'),
        ([0, 0, 2, 2], 0.5, r'labels \[2\] are out of range, expected 0 to 1'),
        ([0, 0, 1, 1], 1.0, 'share must be in'),
    ],
)
def test_hold_out_refuses(labels, share, message):
    with pytest.raises(ValueError, match=message):
        hold_out(torch.tensor(labels), 2, share)
