# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Make a batch in [-1, 1] of the images that a notebook has at hand."""

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from mmdiffrep.diffusion.input_range import OVERSHOOT, check_shape

_PIL_MODES = ('1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK', 'YCbCr', 'HSV')  # 8 bits per channel

SingleImage: TypeAlias = Tensor | np.ndarray | Image.Image
Images: TypeAlias = SingleImage | Sequence[SingleImage]


def check_unit_range(images: Tensor) -> None:
    """Check that images lie in [-1, 1], and warn if they seem to lie in [0, 1].

    Args:
        images: (B, C, H, W), at least one.

    Raises:
        ValueError: They do not, or hold NaN.
    """
    low, high = float(images.min()), float(images.max())
    if low < -1 - OVERSHOOT or high > 1 + OVERSHOOT or not low <= high:
        raise ValueError(
            f'Expected RGB images in [-1, 1], got values in {low:.4g} .. {high:.4g}. '
            'For 0 .. 255 images: images / 127.5 - 1.'
        )
    if low >= 0 and high > low:
        warnings.warn(
            f'The images lie in {low:.3g} .. {high:.3g}, where [-1, 1] is expected; if they are in '
            '[0, 1], give images * 2 - 1.',
            stacklevel=3,
        )


def to_batch(images: Images) -> Tensor:
    """Make one batch of what a notebook has at hand.

    Args:
        images: A batch (B, 3, H, W) or one image (3, H, W), float in [-1, 1], or gray ones of one
            channel; 8-bit RGB images as PIL gives them, or as arrays and tensors of uint8,
            (H, W, 3) or (3, H, W); or a list of images of one size.

    Returns:
        (B, 3, H, W) RGB or (B, 1, H, W); what had 8 bits is brought to [-1, 1].

    Raises:
        TypeError: Something other than images.
        ValueError: No image, another shape, several sizes, or PIL images that do not have 8 bits
            per channel.
    """
    if isinstance(images, (list, tuple)):
        batches = [_to_tensor(image) for image in images]
        sides = sorted({tuple(batch.shape[-2:]) for batch in batches})
        if len(sides) > 1:
            raise ValueError(
                f'Images of one size are read at once, got sides {sides}: resize them.'
            )
        batch = torch.cat(batches) if batches else torch.empty(0)
    else:
        batch = _to_tensor(images)
    if not len(batch):
        raise ValueError(f'Expected images (B, 3, H, W), got shape {tuple(batch.shape)}.')
    check_shape(batch, (1, 3))
    return batch


def _to_tensor(images: Any) -> Tensor:
    """Return one image or several as (B, 3, H, W)."""
    if isinstance(images, Image.Image):
        if images.mode not in _PIL_MODES:
            raise ValueError(
                f'Expected a PIL image of 8 bits per channel, got mode {images.mode!r}: bring it '
                'to [-1, 1] and give it as an array or tensor (3, H, W).'
            )
        images = np.array(ImageOps.exif_transpose(images).convert('RGB'))
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(np.ascontiguousarray(images))
    if not isinstance(images, Tensor):
        raise TypeError(
            'Expected images as a tensor (B, 3, H, W) or (3, H, W) in [-1, 1], a uint8 array '
            f'(H, W, 3), a PIL image, or a list of these, got {type(images).__name__}.'
        )
    batch = images[None] if images.ndim == 3 else images
    if batch.ndim == 4 and batch.shape[1] != 3 and batch.shape[3] == 3:
        batch = batch.permute(0, 3, 1, 2)
    return batch.float() / 127.5 - 1 if batch.dtype == torch.uint8 else batch
