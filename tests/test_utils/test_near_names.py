# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.utils.near_names import did_you_mean, near_names


def test_the_nearest_comes_first():
    assert near_names('dec1', ['dec.1', 'mid']) == ['dec.1']
    assert near_names('resnet18', ['resnet8', 'resnet_18', 'vgg'])[0] == 'resnet_18'
    assert near_names(1, [10, 'one']) == ['10']  # keys of a config may be numbers


@pytest.mark.parametrize(
    ('known', 'hint'),
    [
        (['mean', 'max'], ' Did you mean mean?'),
        (['mean', 'meens'], ' Did you mean meens or mean?'),
        (['bilinear'], ''),
        ([], ''),
    ],
)
def test_a_hint_ends_a_message(known, hint):
    assert did_you_mean('meen', known) == hint
