# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Find, for points of one image, the most similar pixel of another by cosine similarity.

The definition is that of DIFT (section 4 of the paper, ``eval_spair.py``): both feature maps are
upsampled bilinearly to the size of their images, normalized, and compared at every pixel. Here the
dot products are computed on the small map and resized afterwards, which gives the same numbers,
since resizing is linear::

    cos(p) = <v, up(f)(p)> / (|v| |up(f)(p)|) = up(<v, f>)(p) / (|v| |up(f)(p)|)

Only ``|up(f)(p)|`` is left, once per image and not per point; see :func:`upsampled_norm`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.utils.checks import equal, integer

Size = tuple[int, int]

_EPS = 1e-12  # as in torch.nn.functional.normalize


def map_coordinates(pixels: Tensor, length: int, cells: int) -> Tensor:
    """Convert pixel coordinates of an image to coordinates of a feature map.

    Args:
        pixels: Coordinates; 0 is the center of the first pixel.
        length: Side of the image in pixels.
        cells: Side of the map in cells.

    Returns:
        Coordinates in [0, cells - 1] (``align_corners=False``; values beyond the outer cell
        centers are clamped, as bilinear resizing does).
    """
    return ((pixels + 0.5) * cells / length - 0.5).clamp(0, cells - 1)


def sample_vectors(feature: Tensor, points: Tensor, size: Size) -> Tensor:
    """Read the upsampled map at some points, without upsampling it.

    Args:
        feature: Map (C, h, w).
        points: (K, 2), x and y in pixels of the image.
        size: Height and width of the image.

    Returns:
        Vectors (K, C) in the dtype of the map.
    """
    x, y = points.to(feature.device, torch.float64).unbind(1)
    x = map_coordinates(x, size[1], feature.shape[2])
    y = map_coordinates(y, size[0], feature.shape[1])
    left, top = x.floor().long(), y.floor().long()
    right = (left + 1).clamp(max=feature.shape[2] - 1)
    bottom = (top + 1).clamp(max=feature.shape[1] - 1)
    to_right, to_bottom = (x - left).to(feature.dtype), (y - top).to(feature.dtype)
    upper = torch.lerp(feature[:, top, left], feature[:, top, right], to_right)
    lower = torch.lerp(feature[:, bottom, left], feature[:, bottom, right], to_right)
    return torch.lerp(upper, lower, to_bottom).T


def upsampled_norm(feature: Tensor, size: Size) -> Tensor:
    """Return the norm of every vector of the upsampled map, without upsampling it.

    A vector of the upsampled map is a weighted sum of four neighbors, so its squared norm needs
    only the products of neighboring cells: five maps instead of one with C channels.

    Args:
        feature: Map (C, h, w).
        size: Height and width to upsample to.

    Returns:
        Norms ``size``, float32.
    """
    padded = F.pad(feature[None].float(), (0, 1, 0, 1), mode='replicate')[0]
    here, right = padded[:, :-1, :-1], padded[:, :-1, 1:]
    below, across = padded[:, 1:, :-1], padded[:, 1:, 1:]

    def product(first: Tensor, second: Tensor) -> Tensor:
        return (first * second).sum(0, dtype=torch.float64)

    (top, to_bottom), (left, to_right) = (
        _cells_and_weights(size[i], feature.shape[i + 1], feature.device) for i in (0, 1)
    )
    # Interpolate along x on every row of cells, then along y between two rows.
    a, b = 1 - to_right, to_right

    def along_x(upper_left: Tensor, both: Tensor, upper_right: Tensor) -> Tensor:
        return (
            a * a * upper_left[:, left] + 2 * a * b * both[:, left] + b * b * upper_right[:, left]
        )

    row = along_x(product(here, here), product(here, right), product(right, right))
    next_row = along_x(product(below, below), product(below, across), product(across, across))
    crossed = a * a * product(here, below)[:, left] + b * b * product(right, across)[:, left]
    crossed += a * b * (product(here, across) + product(right, below))[:, left]
    c, d = (1 - to_bottom)[:, None], to_bottom[:, None]
    squared = c * c * row[top] + 2 * c * d * crossed[top] + d * d * next_row[top]
    return squared.clamp(min=0).sqrt().float()


def _cells_and_weights(length: int, cells: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return, per pixel of a side, the cell before it and the weight of the cell after it."""
    pixels = torch.arange(length, device=device, dtype=torch.float64)
    places = map_coordinates(pixels, length, cells)
    first = places.floor().long()
    return first, places - first


def similarity_maps(
    vectors: Tensor, feature: Tensor, size: Size, norm: Tensor | None = None
) -> Tensor:
    """Compare vectors with every pixel of a map upsampled to the size of its image.

    Args:
        vectors: (K, C).
        feature: Map (C, h, w) of the other image.
        size: Height and width of that image.
        norm: Its :func:`upsampled_norm`, if it is there already.

    Returns:
        Cosine similarities (K, height, width), float32.
    """
    if norm is None:
        norm = upsampled_norm(feature, size)
    dots = torch.einsum('kc,chw->khw', vectors.float(), feature.float())
    dots = F.interpolate(dots[None], size=size, mode='bilinear', align_corners=False)[0]
    lengths = vectors.float().norm(dim=1).clamp(min=_EPS)
    return dots / lengths[:, None, None] / norm.clamp(min=_EPS)


def nearest(
    source: Tensor,
    target: Tensor,
    points: Tensor,
    source_size: Size,
    target_size: Size,
    chunk: int = 16,
) -> tuple[Tensor, Tensor]:
    """Find the most similar target pixel of every source point.

    Args:
        source: Map (C, h, w) of the image with the points.
        target: Map (C, h', w') of the other image; its size may differ.
        points: (K, 2), x and y in source pixels; fractions are interpolated.
        source_size: Height and width of the source image.
        target_size: Height and width of the target image.
        chunk: Points compared at once; memory is ``chunk`` x height x width floats.

    Returns:
        Points (K, 2), x and y in target pixels (the first of equal maxima in row order), and
        their cosine similarities (K,).

    Raises:
        ValueError: The maps differ in channels, or points is not (K, 2).
    """
    integer('chunk', chunk, 1)
    equal('Channels of the target, as of the source,', target.shape[0], source.shape[0])
    equal('The shape of each of points (x, y)', tuple(points.shape[1:]), (2,))
    if not len(points):
        return source.new_zeros((0, 2), dtype=torch.float32), source.new_zeros(0)
    vectors = sample_vectors(source, points, source_size)
    norm = upsampled_norm(target, target_size)
    values, places = [], []
    for part in vectors.split(chunk):
        value, place = similarity_maps(part, target, target_size, norm).flatten(1).max(1)
        values.append(value)
        places.append(place)
    place = torch.cat(places)
    width = target_size[1]
    return torch.stack([place % width, place // width], dim=1).float(), torch.cat(values)
