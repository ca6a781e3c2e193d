# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The policy network of RepFusion: a small CNN from an image to logits over the actions."""

from torch import Tensor, nn

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, one_of

# By the number of convolutions: the smallest image and the side of the last map, in px.
SIDES = {2: (16, 5), 3: (34, 4)}


@MODELS.register_module()
class PolicyNet(nn.Module):
    """A LeNet-like CNN for images of any size.

    The official ``PolicyNet_Cov`` (two 5x5 convolutions with 6 and 16 channels, each with ReLU and
    2x2 max pooling, then fully connected 120, 84, actions) flattens a fixed 5x5 map and so takes
    32 px images only; ``PolicyNet_Cov64`` has a third convolution with 16 channels, a 4x4 map, and
    takes 64 px only. Here adaptive average pooling gives that map at any size; at 32 and at 64 px
    they are the same networks.

    Args:
        num_actions (int): Number of logits.
        in_channels (int): Image channels. Defaults to 3.
        max_size (int): Larger images are average-pooled to this side first: the policy needs a
            rough view of an image, not its pixels. Defaults to 64.
        convolutions (int): 2 or 3. Defaults to 2 (official: 2 for 32 px, 3 for 64 px).

    Raises:
        ValueError: Another number of convolutions, or a ``max_size`` that is too small for them.
    """

    def __init__(
        self, num_actions: int, in_channels: int = 3, max_size: int = 64, convolutions: int = 2
    ) -> None:
        super().__init__()
        integer('num_actions', num_actions, 1)
        self.min_size, side = SIDES[one_of('convolutions', convolutions, SIDES)]
        self.max_size = integer(
            f'max_size with convolutions={convolutions}', max_size, self.min_size
        )
        layers = [
            nn.Conv2d(in_channels, 6, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2, ceil_mode=True),
        ]
        if convolutions == 3:
            layers += [nn.Conv2d(16, 16, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(side), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Linear(16 * side**2, 120),
            nn.ReLU(inplace=True),
            nn.Linear(120, 84),
            nn.ReLU(inplace=True),
            nn.Linear(84, num_actions),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map images to logits.

        Args:
            images (Tensor): ``(B, in_channels, H, W)``, at least 16 px, 34 px with three
                convolutions.

        Returns:
            Tensor: ``(B, num_actions)``.

        Raises:
            ValueError: Smaller images.
        """
        height, width = images.shape[-2:]
        if min(height, width) < self.min_size:
            raise ValueError(
                f'the policy network needs images of at least {self.min_size} px, got '
                f'{height}x{width}: give the hook a larger teacher_size, or the net fewer '
                'convolutions'
            )
        if max(height, width) > self.max_size:
            size = (min(height, self.max_size), min(width, self.max_size))
            images = nn.functional.adaptive_avg_pool2d(images, size)
        return self.classifier(self.features(images))
