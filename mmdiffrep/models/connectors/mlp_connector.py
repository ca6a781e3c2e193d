# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Brings a student's feature to the teacher's number of channels, with a hidden layer."""

from typing import Optional

from torch import Tensor, nn

from mmdiffrep.registry import MODELS


@MODELS.register_module()
class MLPConnector(nn.Module):
    """Two 1x1 convolutions with a ReLU between them: a perceptron on every pixel.

    It asks less of the student than a linear connector: the teacher's feature need not be a linear
    function of the student's. Not official.

    Args:
        in_channels (int): Channels of the student's feature.
        out_channels (int): Channels of the teacher's feature.
        hidden_channels (int, optional): Defaults to None: as many as ``out_channels``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, hidden_channels: Optional[int] = None
    ) -> None:
        super().__init__()
        hidden_channels = hidden_channels or out_channels
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, hidden_channels, 1),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, out_channels, 1),
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Maps ``(B, Cin, h, w)`` to ``(B, Cout, h, w)``."""
        return self.layers(feature)
