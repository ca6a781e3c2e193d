# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Several MLPs of the same shape with stacked weights, trained and run at once."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INIT_STD = 0.02  # official


class StackedLinear(nn.Module):
    """A Linear layer for each member.

    Args:
        num_members (int): Number of members, K.
        in_features (int): Length of the input.
        out_features (int): Length of the output.
    """

    def __init__(self, num_members: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_members, out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(num_members, out_features, 1))
        nn.init.normal_(self.weight, std=INIT_STD)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(K, in, B)`` to ``(K, out, B)``."""
        return torch.baddbmm(self.bias, self.weight, x)


class StackedBatchNorm(nn.Module):
    """A BatchNorm for each member, over that member's batch.

    Args:
        num_members (int): Number of members, K.
        num_features (int): Features of a member.
        momentum (float): Share of a new batch in the running statistics. Defaults to 0.1.
        eps (float): Added to the variance. Defaults to 1e-5.
    """

    def __init__(
        self, num_members: int, num_features: int, momentum: float = 0.1, eps: float = 1e-5
    ) -> None:
        super().__init__()
        shape = (num_members, num_features)
        self.momentum = momentum
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape))
        self.register_buffer('running_mean', torch.zeros(shape))
        self.register_buffer('running_var', torch.ones(shape))

    def forward(self, x: Tensor, frozen: Tensor | None = None) -> Tensor:
        """Normalize ``(K, features, B)``.

        Args:
            x (Tensor): The input; in training mode B must be at least 2.
            frozen (Tensor, optional): ``(K,)`` bool, members whose running statistics stay.
        """
        kept = (self.running_mean, self.running_var)
        updated = kept if frozen is None else [statistic.clone() for statistic in kept]
        # All features of all members are the channels of one batch norm: no copy, one kernel.
        normalized = F.batch_norm(
            x.reshape(1, -1, x.shape[2]),
            *(statistic.view(-1) for statistic in updated),
            self.weight.view(-1),
            self.bias.view(-1),
            self.training,
            self.momentum,
            self.eps,
        )
        if frozen is not None:
            for statistic, new in zip(kept, updated):
                statistic.copy_(torch.where(frozen[:, None], statistic, new))
        return normalized.view_as(x)

    def scale_and_shift(self, member: int) -> tuple[Tensor, Tensor]:
        """Return the factor and the offset of evaluation mode, ``(features,)`` each."""
        scale = self.weight[member] * (self.running_var[member] + self.eps).rsqrt()
        return scale, self.bias[member] - self.running_mean[member] * scale


class StackedMLP(nn.Module):
    """Members of the form Linear, ReLU, BatchNorm, Linear, ReLU, BatchNorm, ..., Linear.

    Args:
        num_members (int): Number of members, K.
        widths (sequence of int): Length of the input, of each hidden layer, and of the output.
    """

    def __init__(self, num_members: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.num_members = num_members
        self.linears = nn.ModuleList(
            StackedLinear(num_members, width, following)
            for width, following in itertools.pairwise(widths)
        )
        self.norms = nn.ModuleList(StackedBatchNorm(num_members, width) for width in widths[1:-1])

    def forward(self, x: Tensor, frozen: Tensor | None = None) -> Tensor:
        """Map a batch of each member, ``(K, B, in)``, to ``(K, out, B)``.

        Args:
            x (Tensor): The input.
            frozen (Tensor, optional): ``(K,)`` bool, members whose running statistics stay.
        """
        x = self.linears[0](x.transpose(1, 2))
        for norm, linear in zip(self.norms, self.linears[1:]):
            x = linear(norm(F.relu(x), frozen))
        return x

    def member_tail(self, member: int) -> list[tuple[Tensor, Tensor]]:
        """Return weight and bias of a member's layers after the first, in evaluation mode.

        Each BatchNorm is folded into the layer after it.
        """
        tail = []
        for norm, linear in zip(self.norms, self.linears[1:]):
            scale, shift = norm.scale_and_shift(member)
            weight = linear.weight[member]
            tail.append((weight * scale, linear.bias[member, :, 0] + weight @ shift))
        return tail
