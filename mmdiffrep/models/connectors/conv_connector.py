# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Brings a student's feature to the teacher's number of channels."""

from torch import Tensor, nn

from mmdiffrep.registry import MODELS


@MODELS.register_module()
class ConvConnector(nn.Module):
    """A 1x1 convolution with bias from student to teacher channels, as in the official code.

    It is trained together with the student and thrown away afterwards.

    Args:
        in_channels (int): Channels of the student's feature.
        out_channels (int): Channels of the teacher's feature.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, feature: Tensor) -> Tensor:
        """Maps ``(B, Cin, h, w)`` to ``(B, Cout, h, w)``."""
        return self.projection(feature)
