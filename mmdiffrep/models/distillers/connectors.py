# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Map student features to the channels of the teacher; thrown away after the training."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, integers, odd, of_type, one_of

ACTIVATIONS: dict[str, type[nn.Module]] = {'relu': nn.ReLU, 'gelu': nn.GELU}


@MODELS.register_module()
class ConvConnector(nn.Module):
    """A convolution with bias from student to teacher channels.

    Args:
        in_channels (int): Channels of the student's feature.
        out_channels (int): Channels of the teacher's feature.
        kernel_size (int): Side in pixels, odd. Defaults to 1 (official). With 3, as in iREPA, a
            pixel is predicted from its neighbors too.

    Raises:
        ValueError: An even ``kernel_size``.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 1) -> None:
        super().__init__()
        odd('kernel_size', kernel_size)
        integer('in_channels', in_channels, 1)
        integer('out_channels', out_channels, 1)
        self.projection = nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Map ``(B, Cin, h, w)`` to ``(B, Cout, h, w)``."""
        return self.projection(feature)


class PixelNorm(nn.LayerNorm):
    """Layer normalization over the channels of every pixel of ``(B, C, h, w)``."""

    def forward(self, feature: Tensor) -> Tensor:
        """Normalize a map; its shape stays."""
        return super().forward(feature.movedim(1, -1)).movedim(-1, 1)


@MODELS.register_module()
class MLPConnector(nn.Module):
    """Two 1x1 convolutions with a non-linearity between them: a perceptron on every pixel.

    It asks less of the student than a linear connector: the teacher's feature need not be a linear
    function of the student's. Not official. EUPE's is ``layer_norm=True``, ``activation='gelu'``
    and 3,072 hidden channels.

    Args:
        in_channels (int): Channels of the student's feature.
        out_channels (int): Channels of the teacher's feature.
        hidden_channels (int, optional): Defaults to None: as many as ``out_channels``.
        layer_norm (bool): Normalize the hidden channels of every pixel; the first convolution has
            no bias then. Defaults to False.
        activation (str): ``'relu'`` or ``'gelu'``. Defaults to ``'relu'``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_channels: int | None = None,
        layer_norm: bool = False,
        activation: str = 'relu',
    ) -> None:
        super().__init__()
        integer('in_channels', in_channels, 1)
        integer('out_channels', out_channels, 1)
        hidden_channels = out_channels if hidden_channels is None else hidden_channels
        integer('hidden_channels', hidden_channels, 1)
        of_type('layer_norm', layer_norm, bool)
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, hidden_channels, 1, bias=not layer_norm),
            *([PixelNorm(hidden_channels)] if layer_norm else []),
            ACTIVATIONS[one_of('activation', activation, ACTIVATIONS)](),
            nn.Conv2d(hidden_channels, out_channels, 1),
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Map ``(B, Cin, h, w)`` to ``(B, Cout, h, w)``."""
        return self.layers(feature)


@MODELS.register_module()
class HypercolumnConnector(nn.Module):
    """A 1x1 convolution over the student's stages, resized and concatenated.

    A deep stage knows what is where, a shallow one exactly where: one dense teacher feature then
    teaches all of them. The result has the teacher's size, or that of the largest stage where the
    teacher's is larger. Larger stages are averaged over areas before the convolution, smaller ones
    are resized bilinearly after it: the convolution commutes with both and has the least work so.

    Other connectors work at the student's own size, and the loss resizes their result (official).

    Args:
        in_channels (sequence of int): Channels of the student's features.
        out_channels (int): Channels of the teacher's feature.
    """

    told_size = True

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        integers('in_channels', in_channels)
        integer('out_channels', out_channels, 1)
        self.projections = nn.ModuleList(
            nn.Conv2d(channels, out_channels, 1, bias=index == 0)
            for index, channels in enumerate(in_channels)
        )

    def forward(self, features: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Map ``(B, C_i, h_i, w_i)`` to ``(B, out_channels, h, w)``.

        Args:
            features: The student's stages.
            size: ``(h', w')`` of the teacher's feature: h = min(h', largest h_i), w likewise.
        """
        largest = [max(feature.shape[axis] for feature in features) for axis in (-2, -1)]
        height, width = (min(pair) for pair in zip(size, largest))
        maps = [
            project(_average(feature, height, width))
            for project, feature in zip(self.projections, features)
        ]
        return sum(
            F.interpolate(feature, size=(height, width), mode='bilinear', align_corners=False)
            for feature in maps
        )


def _average(feature: Tensor, height: int, width: int) -> Tensor:
    """Average ``(B, C, h, w)`` over areas to at most ``height`` x ``width``.

    By matrices, since the gradient of adaptive pooling is not deterministic on a GPU.
    """
    rows, columns = feature.shape[-2:]
    if rows > height:
        feature = _areas(rows, height, feature) @ feature
    if columns > width:
        feature = feature @ _areas(columns, width, feature).T
    return feature


def _areas(size: int, cells: int, like: Tensor) -> Tensor:
    """Return the matrix (cells, size) that averages ``size`` values in each of ``cells`` areas."""
    identity = torch.eye(size, device=like.device, dtype=like.dtype)
    return F.adaptive_avg_pool1d(identity, cells).T
