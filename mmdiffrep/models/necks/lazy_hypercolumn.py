# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hypercolumns: all maps of an image as one vector per pixel, without resizing the maps.

DDPM-Seg resizes every map to the image and concatenates them: 2 GiB per image at 256 px. Neither
training nor prediction needs the result: a training step reads single pixels, each a weighted sum
of four neighbors; a prediction starts with a Linear, and bilinear resizing is linear with weights
that sum to 1, so that the Linear can come first.
"""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import alike, as_many, equal, integers, list_of, of_shape

ONE_SIZE = 'Bring all images to one size in the pipeline, or let the backbone do it (`input.size`).'


class Hypercolumns:
    """Maps of one or more images, read as one vector per pixel at any image size.

    The vector of a pixel is what bilinear resizing (``align_corners=False``) of every map to the
    size of the image, and concatenation, would give there. The maps may be features computed
    before, in half precision and in memory that is mapped from a file.

    Args:
        maps (sequence of Tensor): ``(B, C_i, h_i, w_i)`` each, fastest in channels-last memory.

    Raises:
        ValueError: No map, or maps of different numbers of images.
    """

    def __init__(self, maps: Sequence[Tensor]) -> None:
        shapes = [tuple(tensor.shape) for tensor in maps]
        for tensor in list_of('maps', maps, Tensor):
            of_shape('maps of the same images', tensor, len(maps[0]), 'C', 'h', 'w')
        self.maps = tuple(tensor.contiguous(memory_format=torch.channels_last) for tensor in maps)
        self.dim = sum(shape[1] for shape in shapes)

    def __len__(self) -> int:
        return len(self.maps[0])

    def __getitem__(self, index: int) -> 'Hypercolumns':
        """Return the hypercolumns of one image."""
        return Hypercolumns([tensor[index : index + 1] for tensor in self.maps])

    @staticmethod
    def cat(parts: Iterable['Hypercolumns'], num_images: int) -> 'Hypercolumns':
        """Join the hypercolumns of several images, whose maps have the same sizes.

        Each part is copied as it comes, so that a generator never holds all of them.

        Args:
            parts (iterable of Hypercolumns): One or more, of the same precision.
            num_images (int): Images of all parts.

        Raises:
            ValueError: Maps of different sizes, or another number of images.
        """
        maps: list[Tensor] = []
        start = 0
        for part in parts:
            maps = maps or [_rows_like(tensor, num_images) for tensor in part.maps]
            sizes = [[tuple(tensor.shape[1:]) for tensor in group] for group in (part.maps, maps)]
            equal('Sizes (C, h, w) of the maps of an image', *sizes, ONE_SIZE)
            stop = start + len(part)
            if stop > num_images:
                break
            for whole, tensor in zip(maps, part.maps):
                whole[start:stop] = tensor
            start = stop
        equal('The number of images of the parts', start, num_images)
        return Hypercolumns(maps)

    def to(self, dtype: torch.dtype) -> 'Hypercolumns':
        """Return the hypercolumns in another precision."""
        return Hypercolumns([tensor.to(dtype) for tensor in self.maps])

    def at(self, image: Tensor, y: Tensor, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Gather the vectors of single pixels.

        With maps in half precision, the weights of the neighbors have half precision as well.

        Args:
            image (Tensor): ``(N,)`` indices of images, on the maps' device, as the next two.
            y (Tensor): ``(N,)`` rows, 0 to height - 1.
            x (Tensor): ``(N,)`` columns, 0 to width - 1.
            size (tuple): Height and width that the rows and columns count in.

        Returns:
            Tensor: ``(N, dim)``, float32.
        """
        columns = torch.empty(len(image), self.dim, device=image.device)
        start = 0
        for maps in self.maps:
            _, channels, height, width = maps.shape
            top, bottom, down = _neighbors(y, size[0], height)
            left, right, along = _neighbors(x, size[1], width)
            rows = torch.stack(
                [top * width + left, top * width + right, bottom * width + left,
                 bottom * width + right], dim=1
            )  # fmt: skip
            weights = torch.stack(
                [(1 - down) * (1 - along), (1 - down) * along, down * (1 - along), down * along],
                dim=1,
            )
            columns[:, start : start + channels] = F.embedding_bag(
                rows + (image * (height * width))[:, None],
                maps.permute(0, 2, 3, 1).reshape(-1, channels),  # a view
                per_sample_weights=weights.to(maps.dtype),
                mode='sum',
            )
            start += channels
        return columns

    def project(self, weight: Tensor) -> list[Tensor]:
        """Apply a Linear without bias at the maps' own resolutions.

        :func:`resized_sum` of the result is the Linear of the resized hypercolumns, exactly.

        Args:
            weight (Tensor): ``(O, dim)``.

        Returns:
            list: ``(B, O, h_i, w_i)`` for each map.
        """
        parts = weight.split([tensor.shape[1] for tensor in self.maps], dim=1)
        return [
            F.linear(tensor.permute(0, 2, 3, 1).to(weight.dtype), part).permute(0, 3, 1, 2)
            for tensor, part in zip(self.maps, parts)
        ]


def resized_sum(maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Resize maps ``(B, C, h_i, w_i)`` bilinearly to ``size`` and adds them up, largest last."""
    ordered = sorted(maps, key=lambda tensor: tensor.shape[2] * tensor.shape[3])
    total = None
    for tensor in ordered:
        resized = F.interpolate(tensor, size=size, mode='bilinear', align_corners=False)
        total = resized if total is None else total.add_(resized)
    return total


def _rows_like(maps: Tensor, num: int) -> Tensor:
    """Allocate ``num`` maps in the memory format that :class:`Hypercolumns` keeps."""
    return torch.empty(
        (num, *maps.shape[1:]),
        dtype=maps.dtype,
        device=maps.device,
        memory_format=torch.channels_last,
    )


def _neighbors(position: Tensor, size: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two samples of a map that a pixel lies between, and the weight of the second."""
    source = ((position + 0.5) * (length / size) - 0.5).clamp(min=0)
    low = source.floor()
    weight = source - low
    low = low.long()
    return low, (low + 1).clamp(max=length - 1), weight


@MODELS.register_module()
class LazyHypercolumn(BaseModule):
    """Turn a backbone's maps into :class:`Hypercolumns`.

    Maps of the same stride are concatenated, so that a pixel is gathered, and the first layer of a
    head applied, once per stride instead of once per map. Columns are therefore ordered by stride,
    in the order in which the strides appear, and within a stride as given (official: as given).

    Args:
        in_channels (sequence of int): Channels of the maps.
        in_strides (sequence of int, optional): Their strides. Maps of equal stride must have equal
            sizes. Defaults to None: no maps are concatenated.
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (int): Length of a pixel's vector, the sum of ``in_channels``.

    Raises:
        ValueError: No map, or not one stride per map.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        in_strides: Sequence[int] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = tuple(integers('in_channels', in_channels))
        strides = range(len(in_channels))
        if in_strides is not None:
            strides = integers('in_strides', in_strides)
        as_many('in_strides', strides, 'in_channels', in_channels)
        groups: dict[int, list[int]] = {}
        for index, stride in enumerate(strides):
            groups.setdefault(stride, []).append(index)
        self.groups = list(groups.values())
        self.out_channels = sum(self.in_channels)

    def forward(self, maps: Sequence[Tensor]) -> Hypercolumns:
        """Take ``(B, C_i, h_i, w_i)`` maps.

        Raises:
            ValueError: Other channels than ``in_channels``, or other sizes within a stride.
        """
        shapes = [tuple(tensor.shape) for tensor in maps]
        found = tuple(shape[1] for shape in shapes)
        equal('Channels of the maps', found, self.in_channels, 'Set `in_channels` of the neck.')
        for group in self.groups:
            sizes = [shapes[index][2:] for index in group]
            alike('Sizes of maps of one stride', sizes, 'set `in_strides` of the neck.')
        return Hypercolumns([torch.cat([maps[i] for i in group], dim=1) for group in self.groups])
