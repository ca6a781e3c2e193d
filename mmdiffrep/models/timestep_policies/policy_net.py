# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The policy network of RepFusion: a small CNN from an image to logits over the actions."""

from torch import Tensor, nn

from mmdiffrep.registry import MODELS


@MODELS.register_module()
class PolicyNet(nn.Module):
    """A LeNet-like CNN for images of any size.

    The official ``PolicyNet_Cov`` (two 5x5 convolutions with 6 and 16 channels, each with ReLU and
    2x2 max pooling, then fully connected 120, 84, actions) flattens a fixed 5x5 map and so takes
    32 px images only. Here adaptive average pooling gives the 5x5 map at any size; at 32 px the
    two are the same network.

    Args:
        num_actions (int): Number of logits.
        in_channels (int): Image channels. Defaults to 3.
        max_size (int): Larger images are average-pooled to this side first: the policy needs the
            gist of an image, not its pixels. Defaults to 64.
    """

    def __init__(self, num_actions: int, in_channels: int = 3, max_size: int = 64) -> None:
        super().__init__()
        self.max_size = max_size
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.AdaptiveAvgPool2d(5),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 25, 120),
            nn.ReLU(inplace=True),
            nn.Linear(120, 84),
            nn.ReLU(inplace=True),
            nn.Linear(84, num_actions),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Maps images ``(B, 3, H, W)``, at least 16 px, to logits ``(B, num_actions)``."""
        height, width = images.shape[-2:]
        if min(height, width) < 16:
            raise ValueError(
                f'the policy network needs images of at least 16 px, got {height}x{width}'
            )
        if max(height, width) > self.max_size:
            size = (min(height, self.max_size), min(width, self.max_size))
            images = nn.functional.adaptive_avg_pool2d(images, size)
        return self.classifier(self.features(images))
