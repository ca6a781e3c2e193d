# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What the pairs of a config may say."""

import pytest

from mmdiffrep.engine.distillation.pair_options import check_pairs, comparison_of

PAIR = dict(student='backbone', teacher='mid', loss=dict(type='mmdiffrep.DenseFeatureLoss'))


def test_pairs_are_copied_and_their_comparison_is_found():
    given = dict(PAIR, student=['backbone[0]', 'backbone[1]'], student_channels=[8, 16])
    (pair,) = check_pairs([given])
    assert pair == given and pair is not given
    assert comparison_of(dict(pair, balance=True)) == dict(loss=PAIR['loss'], balance=True)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(losses=1), "has no argument 'losses'.*Did you mean loss"),
        (dict(student=[]), 'student must have at least one'),
        (dict(student=3), 'student must be a list, got 3'),
        (dict(teacher=['mid']), 'teacher must be str'),
        (dict(student_channels=[8, 0]), 'student_channels must be at least 1, got 0'),
    ],
)
def test_others_are_named(change, message):
    with pytest.raises((TypeError, ValueError), match=r'pairs\[1\].*' + message):
        check_pairs([PAIR, {**PAIR, **change}])


def test_a_pair_needs_three_keys():
    with pytest.raises(ValueError, match=r'pairs\[0\] needs teacher, loss'):
        check_pairs([dict(student='backbone')])
