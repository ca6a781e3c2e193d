# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Match the points of image pairs in a config, so that ``tools/test.py`` evaluates it."""

from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdiffrep.matching.baselines import RGBPatches
from mmdiffrep.matching.images import image_size
from mmdiffrep.matching.matcher import CorrespondenceMatcher
from mmdiffrep.matching.nearest import nearest
from mmdiffrep.models.matchers.image_maps import ImageMaps
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import check_arguments, one_of

KINDS = {'diffusion': CorrespondenceMatcher, 'rgb_patches': RGBPatches}


@MODELS.register_module()
class PointMatcher(BaseModel):
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
        super().__init__()
        built = build_matcher(matcher)
        self.maps = None if built is None else ImageMaps(built, cache_size, bank)
        self.prompt = prompt

    def forward(
        self,
        inputs: dict[str, list[Tensor]],
        data_samples: list[BaseDataElement],
        mode: str = 'predict',
    ) -> list[BaseDataElement]:
        """Match the points of a batch of pairs.

        Args:
            inputs: Lists ``source`` and ``target`` of RGB uint8 images (3, H, W).
            data_samples: Points, sizes and ids of the pairs.
            mode: ``'predict'``, the only mode: there is nothing to train.

        Returns:
            The data samples with ``pred_points`` and ``similarity``.
        """
        if mode != 'predict':
            raise NotImplementedError(f"PointMatcher knows the mode 'predict' alone, got {mode!r}.")
        pairs = zip(inputs['source'], inputs['target'], data_samples)
        return [self._match(source, target, sample) for source, target, sample in pairs]

    def _match(self, source: Tensor, target: Tensor, sample: BaseDataElement) -> BaseDataElement:
        points, sizes = sample.source_points, (image_size(source), image_size(target))
        if self.maps is None:
            scale = points.new_tensor(sizes[1][::-1]) / points.new_tensor(sizes[0][::-1])
            sample.pred_points = points * scale
            sample.similarity = torch.ones(len(points))
            return sample
        prompt = self.prompt and self.prompt.replace('{category}', sample.category)
        maps = self.maps(source, target, prompt)
        sample.pred_points, sample.similarity = nearest(*maps, points, *sizes)
        return sample


def build_matcher(config: dict[str, Any]) -> CorrespondenceMatcher | RGBPatches | None:
    """Build what reads feature maps of images; None for ``kind='same_position'``.

    Raises:
        ValueError: An unknown kind or argument.
    """
    arguments = dict(config)
    kind = arguments.pop('kind', 'diffusion')
    if kind == 'same_position':
        check_arguments(arguments, lambda: None, 'same_position')
        return None
    one_of('kind', kind, (*KINDS, 'same_position'))
    check_arguments(arguments, KINDS[kind], KINDS[kind].__name__)
    return KINDS[kind](**arguments)
