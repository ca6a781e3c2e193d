# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DDPM-Seg's head: an ensemble of MLPs that label single pixels."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmdiffrep.models.heads.ensemble_vote import EnsemblePrediction, EnsembleVote, top_share_mean
from mmdiffrep.models.heads.member_stop_rule import MemberStopRule
from mmdiffrep.models.heads.stacked_mlp import StackedMLP
from mmdiffrep.models.necks import Hypercolumns, resized_sum
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import equal, integer, list_of

MANY_CLASSES = 30  # official: from this number on the MLPs are wider
HIDDEN_CHANNELS = ((128, 32), (256, 128))  # official: for few and for many classes


@MODELS.register_module()
class PixelMLPEnsembleHead(BaseModule):
    """MLPs that vote on the label of each pixel (DDPM-Seg, Baranchuk et al., ICLR 2022).

    Members have the same shape and differ in their initial weights and in the order in which they
    see the pixels. Their weights are stacked and trained at once. At test the first layer is
    applied to the maps at their own resolution, before they are resized to the image: the same
    result with a twentieth of the multiplications.

    Args:
        num_classes (int): Number of classes.
        in_channels (int): Length of a pixel's vector; ``PixelEnsembleSegmentor`` sets it to the
            neck's ``out_channels``.
        num_members (int): Number of MLPs. Defaults to 10 (official: 10).
        hidden_channels (sequence of int, optional): Widths of the hidden layers. Defaults to None,
            the official widths: 128 and 32 below 30 classes, else 256 and 128.
        begin_epoch (int): First epoch in which members may stop, from 0. Defaults to 4
            (official: 4).
        patience (int): A member stops after more batches than this in a row without a new lowest
            loss. Defaults to 50 (official: 50).
        init_cfg (dict, optional): mmengine's initialization config.

    Raises:
        ValueError: A number that is too small.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        num_members: int = 10,
        hidden_channels: Sequence[int] | None = None,
        begin_epoch: int = 4,
        patience: int = 50,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = integer('num_classes', num_classes, 2)
        self.in_channels = integer('in_channels', in_channels, 1)
        self.num_members = integer('num_members', num_members, 1)
        if hidden_channels is None:
            hidden_channels = HIDDEN_CHANNELS[num_classes >= MANY_CLASSES]
        for width in list_of('hidden_channels', hidden_channels, int):
            integer('each of hidden_channels', width, 1)
        self.mlp = StackedMLP(num_members, [in_channels, *hidden_channels, num_classes])
        self.stop_rule = MemberStopRule(num_members, begin_epoch, patience)

    def member_losses(
        self, columns: Tensor, labels: Tensor, frozen: Tensor | None = None
    ) -> Tensor:
        """Compute the cross-entropy of every member on its own batch of pixels.

        Args:
            columns (Tensor): Hypercolumns ``(num_members, B, in_channels)``.
            labels (Tensor): ``(num_members, B)``, 0 to num_classes - 1.
            frozen (Tensor, optional): ``(num_members,)`` bool, members whose BatchNorm statistics
                stay as they are.

        Returns:
            Tensor: ``(num_members,)``.
        """
        logits = self.mlp(columns, frozen)
        return F.cross_entropy(logits.float(), labels, reduction='none').mean(dim=1)

    def member_logits(self, first: Sequence[Tensor], member: int, size: tuple[int, int]) -> Tensor:
        """Compute the logits of one member for all pixels of one image, in evaluation mode.

        Args:
            first (sequence of Tensor): Output of :meth:`project`.
            member (int): Index of the member.
            size (tuple): Height and width of the label map.

        Returns:
            Tensor: ``(H * W, num_classes)``.
        """
        width = self.mlp.linears[0].weight.shape[1]
        own = slice(member * width, (member + 1) * width)
        hidden = resized_sum([maps[:, own] for maps in first], size)
        x = hidden.permute(0, 2, 3, 1).reshape(-1, width) + self.mlp.linears[0].bias[member, :, 0]
        for weight, bias in self.mlp.member_tail(member):
            x = F.linear(F.relu(x), weight, bias)
        return x

    def project(self, columns: Hypercolumns) -> list[Tensor]:
        """Apply the first layer of all members to one image's maps as they are."""
        return columns.project(self.mlp.linears[0].weight.flatten(0, 1))

    @torch.no_grad()
    def predict(self, columns: Hypercolumns, size: tuple[int, int]) -> EnsemblePrediction:
        """Label one image.

        Args:
            columns (Hypercolumns): Hypercolumns of one image.
            size (tuple): Height and width of the label map.

        Raises:
            ValueError: Several images, or hypercolumns of the wrong length.
        """
        equal('The number of images', len(columns), 1)
        equal('The length of hypercolumns', columns.dim, self.in_channels)
        first = self.project(columns)
        vote = EnsembleVote(size[0] * size[1], self.num_classes, first[0].device)
        for member in range(self.num_members):
            vote.add(self.member_logits(first, member, size))
        uncertainty = vote.uncertainty()
        return EnsemblePrediction(
            vote.labels().view(size), uncertainty.view(size), top_share_mean(uncertainty)
        )

    @torch.no_grad()
    def rest_stopped_members(self, optimizer: torch.optim.Optimizer) -> None:
        """Clear the optimizer's memory of stopped members.

        Their gradients are zero; with no momentum left, their weights stay bit for bit.
        """
        for parameter in self.mlp.parameters():
            for state in optimizer.state[parameter].values():
                if torch.is_tensor(state) and state.shape == parameter.shape:
                    stopped = self.stop_rule.stopped.view(-1, *[1] * (state.ndim - 1))
                    state.masked_fill_(stopped, 0)
