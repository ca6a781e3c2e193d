# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Running statistics of the rewards, which new rewards are compared with."""

from typing import NamedTuple

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn


class RewardReference(NamedTuple):
    """Reference values for the rewards of a batch.

    Attributes:
        mean (Tensor): Moving mean before the batch, float32, a scalar.
        std (Tensor): Moving standard deviation with the batch, float32, a scalar, at least 1e-6.
            With it, since the deviation of the few rewards before may be next to nothing.
        offset (Tensor, optional): By action, how far its rewards lay from the mean before the
            batch, float32 ``(actions,)``; 0 for an action that was never drawn.
        count (Tensor): Rewards of this batch that count, averaged over the ranks, float32.
        others (Tensor): For every reward the mean of the batch's other rewards that count, over all
            ranks, float32 ``(D,)``; ``mean`` where it is the only reward.
    """

    mean: Tensor
    std: Tensor
    offset: Tensor | None
    count: Tensor
    others: Tensor


class RewardStatistics(nn.Module):
    """Moving mean and variance of the rewards, and how far each action lies from the mean.

    All ranks hold the same: the sums of a batch are reduced over them. The first batch is its own
    reference.

    Args:
        momentum (float): Weight of a new batch.
        num_actions (int, optional): Also keep a mean per action, of this many. Defaults to
            None.
    """

    def __init__(self, momentum: float, num_actions: int | None = None) -> None:
        super().__init__()
        self.momentum = momentum
        self.num_actions = num_actions
        for name in ('mean', 'square'):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))
        self.register_buffer('num_batches', torch.zeros((), dtype=torch.long))
        if num_actions is not None:
            self.register_buffer('offset', torch.zeros(num_actions, dtype=torch.float64))
            self.register_buffer('num_seen', torch.zeros(num_actions, dtype=torch.long))

    @torch.no_grad()
    def update(
        self,
        reward: Tensor,
        counted: Tensor,
        weight: Tensor | None = None,
        action: Tensor | None = None,
    ) -> RewardReference:
        """Add a batch of D rewards and return their reference values.

        Args:
            reward (Tensor): Rewards, ``(D,)``.
            counted (Tensor): Which of them count, bool ``(D,)``.
            weight (Tensor, optional): Importance weights, ``(D,)``. Defaults to None: ones.
            action (Tensor, optional): Actions, int64 ``(D,)``; for statistics by action.
        """
        reward, counted = reward.double(), counted.double()
        weight = counted if weight is None else counted * weight
        sums = [counted, weight, weight * reward, weight * reward.square()]
        flat = torch.stack([values.sum() for values in sums])
        if self.num_actions is not None:
            # A product with a table of ones: sums by index are in no fixed order on a GPU.
            table = action[:, None] == torch.arange(self.num_actions, device=action.device)
            by_action = torch.stack([counted, counted * reward]) @ table.double()
            flat = torch.cat([flat, by_action.flatten()])
        all_reduce(flat)

        count, total, first, second = flat[:4]
        # torch.where, not `if`: reading a number would wait for the device.
        moments = torch.stack([first, second]) / torch.where(total > 0, total, 1)
        fresh = self.num_batches == 0
        for buffer, moment in zip((self.mean, self.square), moments):
            buffer.copy_(torch.where(fresh, moment, buffer))
        mean = self.mean.float().clone()
        offset = None if self.num_actions is None else self.offset.float().clone()
        rest = total - weight
        others = torch.where(
            rest > 1e-9, (first - weight * reward) / rest.clamp(min=1e-9), self.mean
        ).float()
        momentum = self.momentum * (total > 0).double()
        if self.num_actions is not None:
            self._update_offset(*flat[4:].view(2, -1))
        for buffer, moment in zip((self.mean, self.square), moments):
            buffer.lerp_(moment, momentum)
        self.num_batches += total > 0
        return RewardReference(
            mean=mean,
            std=(self.square - self.mean.square()).clamp(min=1e-12).sqrt().float(),
            offset=offset,
            count=(count / get_world_size()).float(),
            others=others,
        )

    def _update_offset(self, count: Tensor, total: Tensor) -> None:
        """Update the mean per action: cumulative for ``1 / momentum`` batches, then moving."""
        seen = count > 0
        self.num_seen += seen
        momentum = (1.0 / self.num_seen.clamp(min=1).double()).clamp(min=self.momentum) * seen
        self.offset.lerp_(total / count.clamp(min=1) - self.mean, momentum)
