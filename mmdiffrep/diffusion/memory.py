# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""How many images fit into a pass under a limit of memory, estimated without running one.

A pass without gradients holds, per image, the skip maps of a U-Net and the tensors of the layer
that runs: its input, its output and what is computed in between. Their sizes are those of the
traced pass that finds the taps, scaled to the area of the image. What attention needs beyond its
queries, keys and values is not counted, as attentions are fused.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from torch import nn

from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.tap_table import TapTable
from mmdiffrep.diffusion.trace import Call
from mmdiffrep.utils.checks import positive

GIB = 2**30
_LAYER = 3  # inputs and outputs of a layer that are alive at once, counting those in between


class PassSizes(NamedTuple):
    """What fits into a limit.

    Attributes:
        rows: Greatest number of images in a pass of the network, counting one per timestep.
        images: Greatest number of images that a VAE encodes at once; ``rows`` without a VAE.
    """

    rows: int
    images: int


class MemoryLimit:
    """A limit of memory for weights and passes; the features that are returned come on top.

    One belongs to one reader of a model.

    Args:
        memory_gb: In GiB. The allocator's reserve and the libraries' work space are not known
            here: leave a fifth of a GPU's memory to them.

    Raises:
        ValueError: 0 or below.
    """

    def __init__(self, memory_gb: float) -> None:
        self.memory_gb = positive('memory_gb', memory_gb)
        self._known: dict[tuple[int, int], PassSizes] = {}

    def sizes(
        self, denoiser: FeatureModel, taps: Sequence[str], height: int, width: int
    ) -> PassSizes:
        """Choose the sizes of passes.

        Args:
            denoiser: Frozen, whole or truncated.
            taps: What is read.
            height: Of the images, in pixels.
            width: Likewise.

        Raises:
            ValueError: Not even one image fits.
        """
        if (height, width) not in self._known:
            self._known[height, width] = self._fit(denoiser, taps, height, width)
        return self._known[height, width]

    def _fit(
        self, denoiser: FeatureModel, taps: Sequence[str], height: int, width: int
    ) -> PassSizes:
        weights = weight_bytes(denoiser.settle_precision())
        per_row = pass_bytes(denoiser, taps, height, width)
        per_image = encoder_bytes(denoiser, height, width)
        room = self.memory_gb * GIB - weights
        sizes = PassSizes(
            int(room // per_row), int(room // per_image) if per_image else int(room // per_row)
        )
        if min(sizes) < 1:
            need = (weights + max(per_row, per_image)) / GIB
            raise ValueError(
                f'memory_gb={self.memory_gb} is too little for {denoiser.source}: its weights '
                f'({weights / GIB:.2f}) and one image of {height}x{width} take {need:.2f}. Give '
                'smaller images, a lower precision, or taps that come earlier.'
            )
        return sizes


def weight_bytes(network: nn.Module) -> int:
    """Bytes of a network's parameters, as they are."""
    return sum(weight.nbytes for weight in network.parameters())


def pass_bytes(denoiser: FeatureModel, taps: Sequence[str], height: int, width: int) -> int:
    """Estimate the bytes that a pass needs per image, without weights and without gradients.

    Args:
        denoiser: Whole or truncated.
        taps: The pass ends with the last of these.
        height: Of the image, in pixels.
        width: Likewise.
    """
    table = cast(TapTable, denoiser.taps)
    calls = _before_the_cut(table, taps)
    network = getattr(denoiser, 'denoiser', denoiser)  # that of latents
    held = [table.site(name).path for name in network.skips if name in network.taps]
    skips = sum(math.prod(table.calls[path].out_shape) for path in held)
    area = height * width / table.image_size**2
    dtype = next(denoiser.parameters()).dtype
    return int((skips + _LAYER * _greatest(calls)) * area * dtype.itemsize)


def encoder_bytes(denoiser: FeatureModel, height: int, width: int) -> int:
    """Estimate the bytes that a latent model's VAE needs to encode an image; 0 without a VAE."""
    codec = getattr(denoiser, 'codec', None)
    if codec is None:
        return 0
    calls, side = codec.traced
    dtype = next(codec.parameters()).dtype
    return int(_LAYER * _greatest(calls.values()) * height * width / side**2 * dtype.itemsize)


def _before_the_cut(table: TapTable, taps: Sequence[str]) -> list[Call]:
    sites = [table.site(name) for name in taps]
    ends = [
        table.calls[path].start if side == 'in' else table.calls[path].end
        for path, side, _ in sites
    ]
    return [call for call in table.calls.values() if call.start < max(ends)]


def _greatest(calls: Iterable[Call]) -> int:
    return max(math.prod(call.in_shape) + math.prod(call.out_shape) for call in calls)
