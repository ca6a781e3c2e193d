# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Early stopping of the members of an ensemble."""

import torch
from torch import Tensor, nn

from mmdiffrep.utils.checks import integer


class MemberStopRule(nn.Module):
    """DDPM-Seg's early stop, for each member separately.

    From ``begin_epoch`` on, the lowest loss of a single batch is tracked; a member stops after more
    than ``patience`` batches in a row without a new lowest loss. The state is in the checkpoint.

    Args:
        num_members (int): Number of members.
        begin_epoch (int): First epoch that counts, from 0. Defaults to 4 (official: 4).
        patience (int): Batches in a row without improvement that are allowed. Defaults to 50
            (official: 50).

    Attributes:
        stopped (Tensor): ``(num_members,)`` bool.

    Raises:
        ValueError: A negative number.
    """

    def __init__(self, num_members: int, begin_epoch: int = 4, patience: int = 50) -> None:
        super().__init__()
        self.begin_epoch = integer('begin_epoch', begin_epoch, 0)
        self.patience = integer('patience', patience, 0)
        self.register_buffer('lowest', torch.full((num_members,), float('inf')))
        self.register_buffer('waited', torch.zeros(num_members, dtype=torch.long))
        self.register_buffer('stopped', torch.zeros(num_members, dtype=torch.bool))

    def applies(self, epoch: int) -> bool:
        """Tell whether the batches of this epoch count."""
        return epoch >= self.begin_epoch

    @torch.no_grad()
    def update(self, losses: Tensor) -> None:
        """Take the members' losses ``(num_members,)`` of one batch."""
        lower = (losses < self.lowest) & ~self.stopped
        self.waited.add_(1).masked_fill_(lower, 0)
        self.lowest.copy_(torch.where(lower, losses.to(self.lowest), self.lowest))
        self.stopped.logical_or_(self.waited > self.patience)
