# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Mixup for images without labels, before student and teacher see them."""

from typing import Any

import torch
from mmengine.model import ImgDataPreprocessor

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import positive


@MODELS.register_module()
class MixupPreprocessor(ImgDataPreprocessor):
    """mmengine's ``ImgDataPreprocessor``, which in training mixes every image with another.

    The distillation hook feeds the teacher what the student gets, so both see the same mixture:
    there is no label to mix. It is for stages without labels only. Mixed faces are no faces:
    whether a diffusion model is a good teacher there has to be measured.

    Args:
        alpha (float): Of the Beta(alpha, alpha) distribution of an image's share. Defaults to 1:
            uniform (official, "A good teacher is patient and consistent").
        **kwargs: Those of ``ImgDataPreprocessor``.

    Raises:
        ValueError: ``alpha`` is not positive.
    """

    def __init__(self, *args: Any, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.alpha = positive('alpha', alpha)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Stack and normalize images ``(B, 3, H, W)``; in training mix each with its neighbor."""
        data = super().forward(data, training)
        if training:
            images = data['inputs']
            alpha = torch.full((len(images), 1, 1, 1), float(self.alpha))
            share = torch.distributions.Beta(alpha, alpha).sample().to(images)
            data['inputs'] = torch.lerp(images.roll(1, dims=0), images, share)
        return data
