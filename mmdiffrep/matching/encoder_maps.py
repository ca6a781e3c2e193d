# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The map of another encoder than the diffusion model, such as DINOv2 from mmpretrain."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.diffusion.input_range import host_input
from mmdiffrep.matching.images import resize_image
from mmdiffrep.registry import MODELS


class EncoderMaps:
    """Reads the last map of a backbone of mmpretrain or mmseg.

    Args:
        config: Arguments of :class:`~mmdiffrep.models.backbones.HostBackbone`, with the ``size``
            that images are resized to, bicubically, and the ``normalization`` of the encoder's
            input: ``mean``, ``std`` (units of 0 .. 255) and ``channel_order``.

    Raises:
        ValueError: No ``size`` or ``normalization``, or one that contradicts itself.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        config = dict(config)
        normalization = config.pop('normalization', None)
        missing = {'size': config.get('size'), 'normalization': normalization}
        if None in missing.values():
            raise ValueError(
                f'encoder needs {" and ".join(k for k, v in missing.items() if v is None)}: the '
                'side in pixels that images are resized to, and what the encoder was trained with, '
                'such as normalization=dict(mean=[123.675, 116.28, 103.53], '
                "std=[58.395, 57.12, 57.375], channel_order='rgb')."
            )
        self.size: int = config['size']
        self._input = host_input(normalization, self.size)
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
        pixels = (resize_image(image, (self.size, self.size)).to(device) + 1) * 127.5
        if self._input.channel_order == 'bgr':
            pixels = pixels.flip(0)
        mean, std = (
            torch.tensor(values, device=device).view(3, 1, 1)
            for values in (self._input.mean, self._input.std)
        )
        return self.backbone(((pixels - mean) / std)[None])[-1][0].float()
