# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Carry the labels of a video's first frame through the video by feature similarity.

The algorithm is that of DINO's video evaluation, which DIFT uses: every cell of a new frame takes
the labels of its ``top_k`` most similar cells within a window of earlier frames, weighted by
``exp(cosine / temperature)``. Labels stay soft from frame to frame. Here the comparison is banded:
only the window of each cell is computed, not the whole (h w) x (h w) matrix, and one context frame
at a time, so memory does not grow with the number of context frames.
"""

from collections import deque

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.utils.checks import integer, of_shape, positive


class LabelPropagator:
    """Propagate soft labels frame by frame.

    Args:
        context: Earlier frames that are kept beside the first one (official: 28 with Stable
            Diffusion and ADM).
        radius: Cells to each side that are searched (official: 15).
        top_k: Cells whose labels are averaged (official: 15 with Stable Diffusion, 10 with ADM).
        temperature: Divides the cosines (official: 0.2 and 0.1).

    Example:
        >>> propagate = LabelPropagator()
        >>> propagate.start(features[0], first_mask)     # (C, h, w), (L, h, w)
        >>> masks = [propagate(feature) for feature in features[1:]]

    Raises:
        ValueError: A number out of range.
    """

    def __init__(
        self, context: int = 28, radius: int = 15, top_k: int = 15, temperature: float = 0.2
    ) -> None:
        self.context = integer('context', context, 0)
        self.radius = integer('radius', radius, 0)
        self.top_k = integer('top_k', top_k, 1)
        self.temperature = positive('temperature', temperature)
        self._first: tuple[Tensor, Tensor] | None = None
        self._recent: deque[tuple[Tensor, Tensor]] = deque(maxlen=context)

    def start(self, feature: Tensor, labels: Tensor) -> None:
        """Begin a video.

        Args:
            feature: Map (C, h, w) of the first frame.
            labels: Soft labels (L, h, w) of the first frame, summing to 1 over L.
        """
        of_shape('labels of the size of the map', labels, 'L', *feature.shape[1:])
        self._first = (F.normalize(feature.float(), dim=0), labels.float())
        self._recent.clear()

    def __call__(self, feature: Tensor) -> Tensor:
        """Label the next frame.

        Args:
            feature: Map (C, h, w).

        Returns:
            Soft labels (L, h, w); they become part of the context.
        """
        if self._first is None:
            raise RuntimeError('Call start() with the first frame and its labels before.')
        feature = F.normalize(feature.float(), dim=0)
        frames = [self._first, *self._recent]
        cells = feature[0].numel()
        values = feature.new_full((0, cells), -torch.inf)
        labels = feature.new_zeros((0, frames[0][1].shape[0], cells))
        for context_feature, context_labels in frames:
            value, label = self._candidates(feature, context_feature, context_labels)
            values, labels = torch.cat([values, value]), torch.cat([labels, label])
            values, kept = values.topk(min(self.top_k, len(values)), dim=0)
            labels = labels.gather(0, kept[:, None].expand(-1, labels.shape[1], -1))
        weights = (values / self.temperature).softmax(0)
        propagated = (weights[:, None] * labels).sum(0).view(-1, *feature.shape[1:])
        self._recent.append((feature, propagated))
        return propagated

    def _candidates(
        self, feature: Tensor, context: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return cosines (k, cells) and labels (k, L, cells) of the best cells of a frame."""
        height, width = feature.shape[1:]
        radius, side = self.radius, 2 * self.radius + 1
        padded = F.pad(context, (radius,) * 4)
        inside = F.pad(torch.ones_like(context[:1]), (radius,) * 4)
        rows = []
        for dy in range(side):
            # (C, side, h, w): the band of one row offset
            band = padded[:, dy : dy + height].unfold(2, width, 1).transpose(1, 2)
            cosine = torch.einsum('chw,cshw->shw', feature, band)
            valid = inside[:, dy : dy + height].unfold(2, width, 1).transpose(1, 2)[0]
            rows.append(cosine.masked_fill(valid == 0, -torch.inf))
        cosines = torch.stack(rows).view(side * side, -1)
        value, offset = cosines.topk(min(self.top_k, len(cosines)), dim=0)
        y = torch.arange(height, device=feature.device).repeat_interleave(width)
        x = torch.arange(width, device=feature.device).repeat(height)
        place_y = (y + offset // side - radius).clamp(0, height - 1)
        place_x = (x + offset % side - radius).clamp(0, width - 1)
        return value, labels[:, place_y, place_x].transpose(0, 1)
