# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The map of another encoder than the diffusion model, such as DINOv2 from mmpretrain."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.matching.images import resize_image
from mmdiffrep.registry import MODELS

# ImageNet's, which all encoders of mmpretrain but CLIP's are trained with
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


class EncoderMaps:
    """Reads the last map of a backbone of mmpretrain or mmseg.

    Args:
        config: Arguments of :class:`~mmdiffrep.models.backbones.HostBackbone`; images are resized
            to its ``size``, bicubically, and normalized with ImageNet's mean and deviation.

    Raises:
        ValueError: No ``size``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        if config.get('size') is None:
            raise ValueError('encoder needs a size: the side in pixels that images are resized to.')
        self.size: int = config['size']
        self.backbone: Any = MODELS.build(dict(config, type='mmdiffrep.HostBackbone'))
        self.backbone.init_weights()
        self.backbone.eval().requires_grad_(False)

    def to(self, device: None | str | torch.device) -> 'EncoderMaps':
        """Move the encoder."""
        self.backbone.to(device)
        return self

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tensor:
        """Return the map (C, h, w), float32, of an RGB image (3, H, W) in [-1, 1]."""
        device = next(self.backbone.parameters()).device
        resized = resize_image(image, (self.size, self.size)).to(device)
        mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in (MEAN, STD))
        return self.backbone((((resized + 1) * 127.5 - mean) / std)[None])[-1][0].float()
