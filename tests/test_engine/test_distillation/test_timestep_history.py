# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.engine.distillation.timestep_history import TimestepHistory
from mmdiffrep.models.timestep_policies import TimestepSample


def filled():
    history = TimestepHistory(num_timesteps=10, num_buckets=4)
    history.add(TimestepSample(torch.tensor([0, 2, 3, 9]), entropy=torch.tensor([1.0, 2.0])))
    history.add(TimestepSample(torch.tensor([9, 9]), entropy=torch.tensor([3.0, 4.0])))
    history.close_row(2)
    history.close_row(4)  # nothing was drawn
    history.add(TimestepSample(torch.tensor([5])))
    return history


def test_rows_hold_shares_means_and_entropy():
    history = filled()
    assert len(history) == 1 and history.lows == [0, 3, 5, 8]
    assert history.counts.tolist() == [[2, 1, 0, 3]]
    torch.testing.assert_close(history.shares.sum(), torch.tensor(1.0).double())
    assert history.mean_t.item() == 32 / 6 and history.entropy.item() == 2.5
    history.close_row(6)
    assert history.iterations == [2, 6]
    assert history.counts[1].tolist() == [0, 0, 1, 0] and history.entropy[1].isnan()


def test_lows_are_where_buckets_begin():
    history = TimestepHistory(num_timesteps=1000, num_buckets=7)
    t = torch.arange(1000)
    buckets = t * 7 // 1000
    assert history.lows == [int((buckets == b).nonzero()[0]) for b in range(7)]


def test_state_goes_on_in_the_middle_of_a_row():
    history, other = filled(), TimestepHistory(10, 4)
    other.load_state_dict(history.state_dict())
    for one in (history, other):
        one.add(TimestepSample(torch.tensor([1])))
        one.close_row(7)
    assert torch.equal(other.counts, history.counts) and other.iterations == [2, 7]


def test_other_buckets_are_refused():
    with pytest.raises(ValueError, match='num_buckets must be 4, got 5'):
        TimestepHistory(10, 5).load_state_dict(filled().state_dict())
