# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DDPM-Seg as published, for comparison: a resized pixel bank, members one by one."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdiffrep.models.heads import PixelMLPEnsembleHead
from mmdiffrep.models.necks import Hypercolumns


def pixel_bank(columns: Hypercolumns, size: int) -> Tensor:
    """All maps resized and joined, ``(pixels, dim)`` float32."""
    maps = [F.interpolate(x.float(), size=(size, size), mode='bilinear') for x in columns.maps]
    return torch.cat(maps, dim=1).permute(0, 2, 3, 1).flatten(0, 2).contiguous()


def separate_members(head: PixelMLPEnsembleHead) -> list[nn.Sequential]:
    """Return the members as models of their own, with the weights that they have in the head."""
    members = []
    for member in range(head.num_members):
        layers: list[nn.Module] = []
        for linear in head.mlp.linears:
            _, width, length = linear.weight.shape
            layers += [nn.Linear(length, width), nn.ReLU(), nn.BatchNorm1d(width)]
        alone = nn.Sequential(*layers[:-2]).to(head.mlp.linears[0].weight.device)
        for stacked, own in _pairs(head, member, alone):
            own.copy_(stacked)
        members.append(alone)
    return members


def put_back(head: PixelMLPEnsembleHead, members: Sequence[nn.Sequential]) -> None:
    """Copy weights and statistics of separate members into a head."""
    for member, alone in enumerate(members):
        for stacked, own in _pairs(head, member, alone):
            stacked.copy_(own)


def _pairs(head: PixelMLPEnsembleHead, member: int, alone: nn.Sequential) -> Iterator[list[Tensor]]:
    """Return the same weights and statistics in the head and in a separate member."""
    linears = [layer for layer in alone if isinstance(layer, nn.Linear)]
    norms = [layer for layer in alone if isinstance(layer, nn.BatchNorm1d)]
    for stacked, own in zip([*head.mlp.linears, *head.mlp.norms], [*linears, *norms]):
        for name, values in stacked.state_dict().items():
            value = getattr(own, name).data
            yield [values[member].view_as(value), value]


def train_one_by_one(
    members: Sequence[nn.Sequential], bank: Tensor, labels: Tensor, batches: Sequence[Tensor]
) -> Iterator[None]:
    """Update every member in turn, one step of all at a time.

    The published data loader, which fetches pixel by pixel in Python, is left out.

    Args:
        members: See :func:`separate_members`.
        bank: ``(pixels, dim)``.
        labels: ``(pixels,)``.
        batches: ``(members, B)`` pixel indices.
    """
    optimizers = [torch.optim.Adam(member.parameters(), lr=1e-3) for member in members]
    for batch in batches:
        for member, optimizer, pixels in zip(members, optimizers, batch.long()):
            optimizer.zero_grad()
            F.cross_entropy(member(bank[pixels]), labels[pixels]).backward()
            optimizer.step()
        yield
