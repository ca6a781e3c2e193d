# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train an aggregation of a frozen diffusion model's maps on image pairs, and match with it."""

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdiffrep.matching.images import image_size
from mmdiffrep.matching.matcher import CorrespondenceMatcher
from mmdiffrep.matching.nearest import Size, nearest
from mmdiffrep.models.matchers.image_maps import ImageMaps
from mmdiffrep.models.matchers.pair_matcher import build_matcher
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import of_type, one_of, positive


@MODELS.register_module()
class HyperfeatureMatcher(BaseModel):
    """A frozen diffusion model and a trained neck (Diffusion Hyperfeatures).

    In training the cells of corresponding points must be most similar to each other, in both
    directions (official: CLIP's symmetric cross-entropy over all cells). At test it is a
    :class:`~mmdiffrep.models.matchers.PointMatcher`.

    Args:
        matcher: Arguments of :class:`~mmdiffrep.matching.CorrespondenceMatcher`.
        neck: Config of :class:`~mmdiffrep.models.necks.Hyperfeatures`, without ``in_channels`` and
            ``num_timesteps``.
        temperature: Divides the cosines in the loss. Default 0.07 (official).
        prompt: See :class:`~mmdiffrep.models.matchers.PointMatcher`.
        cache_size: See :class:`~mmdiffrep.models.matchers.ImageMaps`.
        bank: See :class:`~mmdiffrep.models.matchers.ImageMaps`.

    Raises:
        ValueError: Another kind of matcher, or a temperature that is not positive.
    """

    def __init__(
        self,
        matcher: dict[str, Any],
        neck: dict[str, Any],
        temperature: float = 0.07,
        prompt: str | None = None,
        cache_size: int = 8,
        bank: str | None = None,
    ) -> None:
        super().__init__()
        built = build_matcher(matcher)
        of_type('the matcher of a HyperfeatureMatcher', built, CorrespondenceMatcher)
        self.maps = ImageMaps(built, cache_size, bank)
        self.temperature = positive('temperature', temperature)
        self.prompt = of_type('prompt', prompt, str, type(None))
        table = built.extract.tap_table
        self.neck: Any = MODELS.build(
            dict(
                neck,
                in_channels=[tap.channels for tap in table.values()],
                num_timesteps=len(built.extract.timesteps),
            )
        )

    def forward(
        self,
        inputs: dict[str, list[Tensor]],
        data_samples: list[BaseDataElement],
        mode: str = 'predict',
    ) -> dict[str, Tensor] | list[BaseDataElement]:
        """Compute the loss of a batch of pairs, or match their points.

        Args:
            inputs: Lists ``source`` and ``target`` of RGB uint8 images (3, H, W).
            data_samples: Points of the pairs.
            mode: ``'loss'`` or ``'predict'``.

        Returns:
            ``{'loss_match': scalar}``, or the data samples with ``pred_points`` and
            ``similarity``.
        """
        one_of('mode', mode, ('loss', 'predict'))
        losses = []
        for source, target, sample in zip(inputs['source'], inputs['target'], data_samples):
            maps = [self._aggregate(image, sample) for image in (source, target)]
            sizes = image_size(source), image_size(target)
            if mode == 'predict':
                matched = nearest(*maps, sample.source_points, *sizes)
                sample.pred_points, sample.similarity = matched
            elif len(sample.source_points):
                points = sample.source_points, sample.target_points
                losses.append(matching_loss(maps, points, sizes, self.temperature))
        if mode == 'predict':
            return data_samples
        total = torch.stack(losses).mean() if losses else self.neck.mixing_weights.sum() * 0
        return dict(loss_match=total)

    def _aggregate(self, image: Tensor, sample: BaseDataElement) -> Tensor:
        prompt = self.prompt and self.prompt.replace('{category}', sample.category)
        maps = self.maps.read(image, prompt)
        return self.neck([value[None] for value in maps.values()])[0]


def matching_loss(
    maps: list[Tensor],
    points: tuple[Tensor, Tensor],
    sizes: tuple[Size, Size],
    temperature: float = 0.07,
) -> Tensor:
    """Compute the symmetric cross-entropy between corresponding cells of two maps.

    Args:
        maps: (C, h, w) of source and target.
        points: (K, 2) each, x and y in pixels of source and target.
        sizes: Height and width of both images.
        temperature: Divides the cosines.

    Returns:
        A scalar.
    """
    cells = [F.normalize(value.flatten(1), dim=0) for value in maps]
    index = [
        cell_of_points(*(x.to(value.device) for x in (chosen,)), size, image_size(value))
        for chosen, size, value in zip(points, sizes, maps)
    ]
    losses = []
    for here, there in ((0, 1), (1, 0)):
        cosines = cells[here][:, index[here]].T @ cells[there]
        losses.append(F.cross_entropy(cosines / temperature, index[there]))
    return (losses[0] + losses[1]) / 2


def cell_of_points(points: Tensor, size: Size, cells: Size) -> Tensor:
    """Return the cell of each point in row order, as the official code rounds it.

    Args:
        points: (K, 2), x and y in pixels.
        size: Height and width of the image.
        cells: Height and width of the map.
    """
    scale = points.new_tensor([cells[1] / size[1], cells[0] / size[0]])
    last = points.new_tensor([cells[1] - 1, cells[0] - 1])
    x, y = torch.minimum((points * scale).clamp(min=0), last).round().long().unbind(1)
    return y * cells[1] + x
