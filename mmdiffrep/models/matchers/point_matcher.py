# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Match the points of image pairs in a config, so that ``tools/test.py`` evaluates it."""

from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdiffrep.matching.images import image_size
from mmdiffrep.matching.nearest import nearest
from mmdiffrep.models.matchers.pair_matcher import PairMatcher
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import of_type


@MODELS.register_module()
class PointMatcher(PairMatcher):
    """Finds the target points of image pairs, without training.

    It adds to every data sample ``pred_points`` (K, 2) in target pixels and ``similarity`` (K,),
    for :class:`~mmdiffrep.evaluation.PCK`.

    Args:
        matcher: Arguments of :class:`~mmdiffrep.matching.CorrespondenceMatcher`. With
            ``kind='rgb_patches'`` those of :class:`~mmdiffrep.matching.baselines.RGBPatches`;
            ``kind='same_position'`` answers with the same relative position: the two baselines
            without a network.
        prompt: What the images of a pair show, where ``{category}`` is their category, such as
            ``'a photo of a {category}'`` (official for SPair-71k). Default None: nothing.
        cache_size: See :class:`~mmdiffrep.models.matchers.ImageMaps`. Default 8.
        bank: See :class:`~mmdiffrep.models.matchers.ImageMaps`. Default None: no bank.

    Raises:
        ValueError: An unknown kind or argument.
    """

    def __init__(
        self,
        matcher: dict[str, Any],
        prompt: str | None = None,
        cache_size: int = 8,
        bank: str | None = None,
    ) -> None:
        super().__init__(matcher, cache_size, bank)
        self.prompt = of_type('prompt', prompt, str, type(None))

    def match(self, source: Tensor, target: Tensor, sample: BaseDataElement) -> None:
        """Add ``pred_points`` and ``similarity`` to the points of a pair."""
        points, sizes = sample.source_points, (image_size(source), image_size(target))
        if self.maps is None:
            scale = points.new_tensor(sizes[1][::-1]) / points.new_tensor(sizes[0][::-1])
            sample.pred_points = points * scale
            sample.similarity = torch.ones(len(points))
            return
        prompt = self.prompt and self.prompt.replace('{category}', sample.category)
        maps = self.maps(source, target, prompt)
        sample.pred_points, sample.similarity = nearest(*maps, points, *sizes)
