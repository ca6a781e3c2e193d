# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Whether weights are those of a network."""

import pytest
import torch

from mmdiffrep.utils.state_fit import check_fit, differences

OWN = dict(weight=torch.zeros(2, 3), bias=torch.zeros(2))


def test_differences_by_name_and_shape():
    found = differences(OWN, dict(bias=torch.zeros(3), other=torch.zeros(1)))
    assert {kind: sorted(names) for kind, names in found.items()} == {
        'missing': ['weight'],
        'unexpected': ['other'],
        'of another shape': ['bias'],
    }
    check_fit('a.pt', 'the network', differences(OWN, dict(OWN)))


def test_the_error_counts_and_shows_three():
    problems = dict(missing=['d', 'c', 'b', 'a'], unexpected=[])
    with pytest.raises(ValueError) as error:
        check_fit('a.pt', 'the network', problems, 'Fetch it again.')
    expected = 'a.pt does not fit the network: weights 4 missing (a, b, c, ...). Fetch it again.'
    assert str(error.value) == expected
