# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Images of any kind as RGB tensors in [-1, 1], and their sizes."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from mmdiffrep.matching.nearest import Size
from mmdiffrep.utils.checks import equal, of_shape, of_type, one_of
from mmdiffrep.utils.image_files import read_rgb, upright_rgb

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
ImageInput = str | Path | Image.Image | np.ndarray | Tensor


def load_image(image: ImageInput) -> Tensor:
    """Read an image of any accepted kind as an RGB tensor (3, H, W) in [-1, 1].

    Raises:
        FileNotFoundError: No such file.
        OSError: The file is damaged or no image; the message names it.
        ValueError: An array or a tensor of another shape, dtype or range; a PIL image of 32 bits.
    """
    if isinstance(image, Tensor):
        of_shape('an RGB image in [-1, 1]', image, 3, 'H', 'W')
        one_of('dtype of an RGB image in [-1, 1]', image.dtype, FLOATS)
        return image
    if isinstance(image, (str, Path)):
        image = read_rgb(str(image))
    if isinstance(image, Image.Image):
        image = np.array(upright_rgb(image))
    of_type('image', image, str, Path, Image.Image, np.ndarray, Tensor)
    of_shape('an RGB array', image, 'H', 'W', 3)
    equal('dtype of an RGB array', image.dtype, np.dtype('uint8'))
    return torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 127.5 - 1


def image_size(image: Tensor) -> Size:
    """Return height and width of an image (3, H, W)."""
    return image.shape[1], image.shape[2]


def resize_image(image: Tensor, size: Size) -> Tensor:
    """Resize (3, H, W) bicubically with antialiasing, as Pillow does; values stay in [-1, 1]."""
    if image_size(image) == size:
        return image
    resized = F.interpolate(
        image[None], size=size, mode='bicubic', align_corners=False, antialias=True
    )
    return resized[0].clamp(-1, 1)
