# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Carry the first mask of a video through it, so that ``tools/test.py`` evaluates it on DAVIS."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdiffrep.matching.images import load_image
from mmdiffrep.matching.label_propagation import LabelPropagator
from mmdiffrep.models.matchers.pair_matcher import build_matcher
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import integer, one_of
from mmdiffrep.utils.image_files import read_mask


@MODELS.register_module()
class VideoPropagator(BaseModel):
    """Propagates the objects of the first frame by feature similarity, without training.

    It adds to every data sample ``pred_masks``, uint8 (T, H, W): the object number per pixel of
    every frame, the first frame's mask included.

    Args:
        matcher: As in :class:`~mmdiffrep.models.matchers.PointMatcher`. With
            ``kind='same_position'`` the first mask is kept: the baseline without features.
        propagation: Arguments of :class:`~mmdiffrep.matching.LabelPropagator`. Default: DIFT's
            with Stable Diffusion.
        stride: Image pixels per cell to which maps are averaged; None: as they are.

    Raises:
        ValueError: An unknown kind or argument.
    """

    def __init__(
        self,
        matcher: dict[str, Any],
        propagation: dict[str, Any] | None = None,
        stride: int | None = None,
    ) -> None:
        super().__init__()
        self.matcher = build_matcher(matcher)
        check_arguments({} if propagation is None else propagation, LabelPropagator, 'propagation')
        self.propagation = dict(propagation or {})
        LabelPropagator(**self.propagation)
        self.stride = stride if stride is None else integer('stride', stride, 1)

    def forward(
        self,
        inputs: dict[str, Any],
        data_samples: list[BaseDataElement],
        mode: str = 'predict',
    ) -> list[BaseDataElement]:
        """Label all frames of a batch of sequences.

        Args:
            inputs: Unused; the frames are read from ``data_samples``.
            data_samples: ``frames`` and ``masks`` of the sequences.
            mode: ``'predict'``, the only mode: there is nothing to train.
        """
        one_of('mode', mode, ('predict',))
        for sample in data_samples:
            sample.pred_masks = self._propagate(sample.frames, read_mask(sample.masks[0]))
        return data_samples

    @torch.no_grad()
    def _propagate(self, frames: list[str], first: np.ndarray) -> Tensor:
        start = torch.from_numpy(first)
        if self.matcher is None:
            return start.to(torch.uint8)[None].repeat(len(frames), 1, 1)
        propagate, masks = LabelPropagator(**self.propagation), [start.to(torch.uint8)]
        for number, frame in enumerate(frames):
            feature = self._map(frame)
            if number == 0:
                propagate.start(feature, one_hot(start, feature.shape[1:]).to(feature.device))
            else:
                masks.append(to_mask(propagate(feature), start.shape).cpu())
        return torch.stack(masks)

    def _map(self, path: str) -> Tensor:
        image = load_image(path)
        feature = self.matcher.to(self.data_preprocessor.device).features(image)
        if self.stride is not None:
            size = [max(side // self.stride, 1) for side in image.shape[1:]]
            feature = F.interpolate(feature[None], size=size, mode='area')[0]
        return feature


def one_hot(mask: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize object numbers (H, W) by nearest neighbors, and return labels (L, h, w)."""
    known = torch.where(mask == 255, 0, mask)
    small = F.interpolate(known[None, None].float(), size=size, mode='nearest')[0, 0].long()
    return F.one_hot(small, int(known.max()) + 1).permute(2, 0, 1).float()


def to_mask(labels: Tensor, size: torch.Size) -> Tensor:
    """Turn soft labels (L, h, w) into object numbers, uint8 ``size``.

    As in DINO's evaluation, each label's map is upsampled and stretched to [0, 1] before the
    largest is taken.
    """
    maps = F.interpolate(labels[None], size=tuple(size), mode='bilinear', align_corners=False)[0]
    flat = maps.flatten(1)
    low, high = flat.min(1).values, flat.max(1).values
    stretched = (flat - low[:, None]) / (high - low).clamp(min=1e-12)[:, None]
    flat = torch.where(high[:, None] > 0, stretched, flat)
    return flat.argmax(0).view(tuple(size)).to(torch.uint8)
