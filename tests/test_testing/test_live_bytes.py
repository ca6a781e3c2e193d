# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch

from mmdiffrep.testing.live_bytes import LiveBytes


def test_views_and_what_was_there_before_do_not_count_and_freed_tensors_no_more():
    before = torch.zeros(1000)
    with LiveBytes() as count:
        before.view(10, 100).add_(1)
        assert count.peak == 0
        first = torch.zeros(256)
        kept = first[:3]
        second = first + 1
        assert count.live == count.peak == 2 * 1024
        del second
        third = torch.zeros(64)
    assert (count.live, count.peak) == (1024 + 256, 2048)
    assert len(kept) + len(third) == 67
