# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from mmdiffrep.models.heads import MemberStopRule


def run(rule, *batches):
    for batch in batches:
        rule.update(torch.tensor(batch))
    return rule.stopped.tolist()


def test_more_batches_than_patience_without_a_new_lowest_loss():
    rule = MemberStopRule(1, patience=2)
    assert run(rule, [3.0], [3.0], [4.0]) == [False]  # equal is not lower: waited 2
    assert run(rule, [2.0]) == [False]  # a new lowest: the count starts anew
    assert run(rule, [2.5], [2.0]) == [False]
    assert run(rule, [2.1]) == [True]


def test_official_patience_stops_after_the_51st():
    rule = MemberStopRule(1)
    rule.update(torch.tensor([1.0]))
    for _ in range(50):
        rule.update(torch.tensor([1.0]))
    assert not rule.stopped
    rule.update(torch.tensor([1.0]))
    assert rule.stopped


def test_each_member_by_itself_and_for_good():
    rule = MemberStopRule(3, patience=1)
    batches = [[1.0, 1.0, 5.0], [2.0, 0.5, 4.0], [2.0, 0.4, 3.0], [0.1, 0.3, math.nan]]
    assert run(rule, *batches) == [True, False, False]
    assert run(rule, [0.0, 0.2, math.nan]) == [True, False, True]
    assert rule.lowest[0] == 1.0, 'what comes after the stop does not count'


def test_official_first_epoch():
    rule = MemberStopRule(1)
    assert [rule.applies(epoch) for epoch in (0, 3, 4, 99)] == [False, False, True, True]


def test_state_is_saved():
    rule = MemberStopRule(2, patience=1)
    run(rule, [1.0, 2.0], [2.0, 1.0], [2.0, 0.5])
    other = MemberStopRule(2, patience=1)
    other.load_state_dict(rule.state_dict())
    assert other.stopped.tolist() == [True, False]
    assert run(other, [0, 1.0], [0, 1.0]) == run(rule, [0, 1.0], [0, 1.0]) == [True, True]


@pytest.mark.parametrize('wrong', [dict(begin_epoch=-1), dict(patience=-1)])
def test_negative_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match='must be at least 0'):
        MemberStopRule(1, **wrong)
