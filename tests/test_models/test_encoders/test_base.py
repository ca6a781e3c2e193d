# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from torch import nn

from mmdiffrep.models.encoders import LoadedEncoder


@pytest.mark.parametrize(
    ('options', 'sides'),
    [
        (dict(), {60: 60, 224: 224}),
        (dict(multiple=14), {1: 14, 56: 56, 57: 70}),
        (dict(size=96, fixed_size=True, multiple=16), {60: 96, 200: 96}),
    ],
)
def test_images_are_never_made_smaller_unless_the_size_is_fixed(options, sides):
    encoder = LoadedEncoder(nn.Identity(), source='mine', **options)
    assert {side: encoder.side_for(side) for side in sides} == sides


def test_what_is_set_later_leaves_the_first_one_as_it_was():
    encoder = LoadedEncoder(nn.Identity(), source='mine')
    patched = encoder.with_patch(8).with_normalization([1, 2, 3], [4, 5, 6], 'bgr')
    assert (patched.patch, patched.side_for(17)) == (8, 24)
    assert (patched.mean, patched.std, patched.channel_order) == ((1, 2, 3), (4, 5, 6), 'bgr')
    assert (encoder.patch, encoder.mean, encoder.side_for(17)) == (None, None, 17)
