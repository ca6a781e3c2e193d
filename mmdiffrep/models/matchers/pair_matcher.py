# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base of the models that match image pairs without training."""

from abc import abstractmethod
from typing import Any

from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdiffrep.matching.baselines import RGBPatches
from mmdiffrep.matching.matcher import CorrespondenceMatcher
from mmdiffrep.models.matchers.image_maps import ImageMaps
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import of_type, one_of

KINDS = {'diffusion': CorrespondenceMatcher, 'rgb_patches': RGBPatches}


class PairMatcher(BaseModel):
    """Reads the maps of both images of each pair and adds what follows to its data sample.

    Args:
        matcher: See :func:`build_matcher`.
        cache_size: See :class:`~mmdiffrep.models.matchers.ImageMaps`.
        bank: See :class:`~mmdiffrep.models.matchers.ImageMaps`.
    """

    def __init__(self, matcher: dict[str, Any], cache_size: int, bank: str | None) -> None:
        super().__init__()
        built = build_matcher(matcher)
        self.maps = None if built is None else ImageMaps(built, cache_size, bank)

    def forward(
        self,
        inputs: dict[str, list[Tensor]],
        data_samples: list[BaseDataElement],
        mode: str = 'predict',
    ) -> list[BaseDataElement]:
        """Match a batch of pairs.

        Args:
            inputs: Lists ``source`` and ``target`` of RGB uint8 images (3, H, W).
            data_samples: Of the pairs.
            mode: ``'predict'``, the only mode: there is nothing to train.

        Returns:
            The data samples, with what :meth:`match` adds.
        """
        one_of('mode', mode, ('predict',))
        for source, target, sample in zip(inputs['source'], inputs['target'], data_samples):
            self.match(source, target, sample)
        return data_samples

    @abstractmethod
    def match(self, source: Tensor, target: Tensor, sample: BaseDataElement) -> None:
        """Add to the data sample of a pair what its RGB uint8 images (3, H, W) give."""


def build_matcher(config: dict[str, Any]) -> CorrespondenceMatcher | RGBPatches | None:
    """Build what reads feature maps of images; None for ``kind='same_position'``.

    Raises:
        ValueError: An unknown kind or argument.
    """
    arguments = dict(of_type('matcher', config, dict))
    kind = arguments.pop('kind', 'diffusion')
    if kind == 'same_position':
        check_arguments(arguments, lambda: None, "matcher of kind='same_position'")
        return None
    one_of('kind', kind, (*KINDS, 'same_position'))
    check_arguments(arguments, KINDS[kind], f'matcher of kind={kind!r}', complete=True)
    return KINDS[kind](**arguments)
