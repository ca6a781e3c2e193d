# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch

from mmdiffrep.models.connectors import ChannelStandardizer


def test_first_batch_has_zero_mean_and_unit_variance():
    feature = torch.randn(8, 3, 4, 4) * torch.tensor([1.0, 10.0, 0.1])[:, None, None] + 5
    out = ChannelStandardizer(3)(feature)
    torch.testing.assert_close(out.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        out.var(dim=(0, 2, 3), unbiased=False), torch.ones(3), atol=1e-3, rtol=0
    )


def test_statistics_are_cumulative_at_first():
    batches = [torch.randn(4, 2, 3, 3) + shift for shift in (0.0, 2.0, 7.0)]
    standardizer = ChannelStandardizer(2, momentum=0.01)
    for batch in batches:
        standardizer(batch)
    everything = torch.cat(batches)
    torch.testing.assert_close(standardizer.mean, everything.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(standardizer.square, everything.square().mean(dim=(0, 2, 3)))


def test_eval_mode_leaves_the_statistics():
    standardizer = ChannelStandardizer(2).eval()
    standardizer(torch.randn(4, 2, 3, 3) + 9)
    assert standardizer.num_batches == 0
    assert torch.equal(standardizer.mean, torch.zeros(2))
