# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Wide residual networks for images of 32 or 64 px (Zagoruyko and Komodakis, BMVC 2016)."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, list_of, one_of

STEM_CHANNELS = 16


class WideBlock(nn.Module):
    """BN, activation, 3x3 convolution, twice; then the sum with the input."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.act = nn.LeakyReLU(0.1)
        self.shortcut = (
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            if in_channels != out_channels or stride != 1
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, Cin, h, w)`` to ``(B, Cout, h / stride, w / stride)``."""
        preactivated = self.act(self.norm1(x))
        shortcut = x if isinstance(self.shortcut, nn.Identity) else self.shortcut(preactivated)
        return shortcut + self.conv2(self.act(self.norm2(self.conv1(preactivated))))


@MODELS.register_module()
class WideResNetCIFAR(BaseModule):
    """WRN-depth-k: three stages with strides 1, 2 and 2 and 16 k, 32 k and 64 k channels.

    The activation is a leaky ReLU of slope 0.1, as in RepFusion's code; the paper has a ReLU.

    Args:
        depth (int): 6 n + 4 layers, n blocks a stage. Defaults to 28.
        widen_factor (int): k. Defaults to 2.
        out_indices (sequence of int): Stages to return, 0 to 2; the last one is normalized and
            activated. Defaults to the last one.
        init_cfg (dict, optional): Initialization. Defaults to None: He's for the convolutions.

    Raises:
        ValueError: A depth or an index that does not exist.
    """

    def __init__(
        self,
        depth: int = 28,
        widen_factor: int = 2,
        out_indices: Sequence[int] = (2,),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Kaiming', layer='Conv2d'))
        integer('widen_factor', widen_factor, 1)
        if integer('depth', depth) < 10 or (depth - 4) % 6:
            raise ValueError(f'depth must be 6 n + 4, such as 10, 16, 22 or 28; got {depth}')
        for index in list_of('out_indices', out_indices, int):
            one_of('each of out_indices', index, (0, 1, 2))
        self.out_indices = tuple(out_indices)
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 3, padding=1, bias=False)
        channels = [STEM_CHANNELS, *(STEM_CHANNELS * widen_factor * 2**i for i in range(3))]
        for i, stride in enumerate((1, 2, 2)):
            first = WideBlock(channels[i], channels[i + 1], stride)
            rest = [
                WideBlock(channels[i + 1], channels[i + 1], 1) for _ in range((depth - 4) // 6 - 1)
            ]
            self.add_module(f'layer{i + 1}', nn.Sequential(first, *rest))
        self.norm = nn.BatchNorm2d(channels[-1])
        self.act = nn.LeakyReLU(0.1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images ``(B, 3, H, W)`` to one ``(B, C, h, w)`` a stage of ``out_indices``."""
        x = self.conv1(x)
        stages = [x := layer(x) for layer in (self.layer1, self.layer2, self.layer3)]
        stages[-1] = self.act(self.norm(stages[-1]))
        return tuple(stages[i] for i in self.out_indices)
