# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The rows of all processes, gradients and all."""

import torch
from mmengine.dist import get_world_size
from torch import Tensor


def gather_rows(rows: Tensor) -> Tensor:
    """Concatenate the rows of all ranks, in the order of the ranks.

    Gradients flow back to the rank that a row came from, from all ranks. mmengine's ``all_gather``
    cuts them off.

    Args:
        rows (Tensor): ``(b, ...)``, of the same shape on all ranks.

    Returns:
        Tensor: ``(ranks * b, ...)``; ``rows`` itself in a single process.
    """
    if get_world_size() == 1:
        return rows
    # Not at the top: it brings torch's remote modules along.
    from torch.distributed.nn.functional import all_gather

    return torch.cat(all_gather(rows))


def require_two(owner: object, rows: Tensor) -> None:
    """Check that there are images to compare an image with.

    Args:
        owner: What compares them, for the error.
        rows: One row per image of the batch of all processes.

    Raises:
        ValueError: Fewer than two images.
    """
    if len(rows) < 2:
        raise ValueError(
            f'{type(owner).__name__} compares images and needs at least 2 in a batch, got '
            f'{len(rows)}: raise the batch size, or leave out a small last batch with '
            'train_dataloader.drop_last=True'
        )
