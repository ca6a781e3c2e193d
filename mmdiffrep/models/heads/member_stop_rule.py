# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""When a member of an ensemble has trained enough."""

import torch
from torch import Tensor, nn


class MemberStopRule(nn.Module):
    """DDPM-Seg's early stop, for each member by itself.

    From an epoch on, the lowest loss of a single batch is tracked; a member stops after more than
    ``patience`` batches in a row without a new lowest one. The state is in the checkpoint.

    Args:
        num_members (int): Number of members.
        begin_epoch (int): First epoch that counts, from 0. Defaults to 4, as officially.
        patience (int): Batches in a row without improvement that are still allowed. Defaults to
            50, as officially.

    Attributes:
        stopped (Tensor): ``(num_members,)`` bool.

    Raises:
        ValueError: A negative number.
    """

    def __init__(self, num_members: int, begin_epoch: int = 4, patience: int = 50) -> None:
        super().__init__()
        if begin_epoch < 0 or patience < 0:
            raise ValueError(
                'begin_epoch and patience must not be negative, got '
                f'begin_epoch={begin_epoch}, patience={patience}'
            )
        self.begin_epoch = begin_epoch
        self.patience = patience
        self.register_buffer('lowest', torch.full((num_members,), float('inf')))
        self.register_buffer('waited', torch.zeros(num_members, dtype=torch.long))
        self.register_buffer('stopped', torch.zeros(num_members, dtype=torch.bool))

    def applies(self, epoch: int) -> bool:
        """Whether the batches of this epoch count."""
        return epoch >= self.begin_epoch

    @torch.no_grad()
    def update(self, losses: Tensor) -> None:
        """Take the members' losses ``(num_members,)`` of one batch."""
        lower = (losses < self.lowest) & ~self.stopped
        self.waited.add_(1).masked_fill_(lower, 0)
        self.lowest.copy_(torch.where(lower, losses.to(self.lowest), self.lowest))
        self.stopped.logical_or_(self.waited > self.patience)
