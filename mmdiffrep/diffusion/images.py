# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Make a batch in [-1, 1] of the images that a notebook has at hand."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from mmdiffrep.diffusion.input_range import OVERSHOOT, check_shape
from mmdiffrep.utils.checks import alike, of_type

_PIL_MODES = ('1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK', 'YCbCr', 'HSV')  # 8 bits per channel

ADVICE = 'give images / 127.5 - 1 of images in 0 .. 255, and images * 2 - 1 of images in 0 .. 1.'
WARN = partial(warnings.warn, stacklevel=3)
SingleImage: TypeAlias = Tensor | np.ndarray | Image.Image
Images: TypeAlias = SingleImage | Sequence[SingleImage]


def check_unit_range(
    images: Tensor, advice: str = ADVICE, warn: Callable[[str], None] = WARN
) -> None:
    """Check that images lie in [-1, 1], and warn if they seem to lie in [0, 1].

    Args:
        images: (B, C, H, W), at least one.
        advice: What to do about others.
        warn: Takes the warning. Default: one of Python, at the line that called the caller.

    Raises:
        ValueError: They do not, or hold NaN.
    """
    low, high = float(images.min()), float(images.max())
    if low < -1 - OVERSHOOT or high > 1 + OVERSHOOT or not low <= high:
        raise ValueError(
            f'Expected images in [-1, 1], got values in {low:.4g} .. {high:.4g}: {advice}'
        )
    if low >= 0 and high > low:
        warn(
            f'The images lie in {low:.3g} .. {high:.3g}, where [-1, 1] is expected; if they are in '
            f'[0, 1]: {advice}'
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
        sides = [tuple(batch.shape[-2:]) for batch in batches]
        alike('Sides of images that are read at once', sides, 'resize them.')
        batch = torch.cat(batches) if batches else torch.empty(0)
    else:
        batch = _to_tensor(images)
    check_shape(batch, (1, 3))
    return batch


def _to_tensor(images: Any) -> Tensor:
    """Return one image or several as (B, 3, H, W)."""
    of_type('images', images, Tensor, np.ndarray, Image.Image)
    if isinstance(images, Image.Image):
        if images.mode not in _PIL_MODES:
            raise ValueError(
                f'Expected a PIL image of 8 bits per channel, got mode {images.mode!r}: bring it '
                'to [-1, 1] and give it as an array or tensor (3, H, W).'
            )
        images = np.array(ImageOps.exif_transpose(images).convert('RGB'))
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(np.ascontiguousarray(images))
    batch = images[None] if images.ndim == 3 else images
    if batch.ndim == 4 and batch.shape[1] != 3 and batch.shape[3] == 3:
        batch = batch.permute(0, 3, 1, 2)
    return batch.float() / 127.5 - 1 if batch.dtype == torch.uint8 else batch
