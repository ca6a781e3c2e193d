# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From a host's normalized images to what a denoiser was trained on: RGB in [-1, 1]."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TOLERANCE = 0.05  # in units of [-1, 1]: interpolation and augmentation may overshoot a little
_NORMALIZED = 8.0  # images of 0 .. 255 hardly ever stay below this; normalized ones always do


class DenoiserInput(nn.Module):
    """Undoes a host's normalization exactly, and resizes to the denoiser's size.

    What a host pads after normalizing (its ``pad_val`` 0) comes out as the color ``mean``, which
    is a plain gray to the denoiser; padding is neither found nor removed here.

    Args:
        mean: Per channel, in 0 .. 255 units and in the channel order of the images given, as in
            the host's data preprocessor. None (with ``std`` None): the images are not normalized,
            0 .. 255.
        std: Like ``mean``.
        channel_order: ``'rgb'`` or ``'bgr'``: the order of the images given (of a host that
            converts, the order after it).
        size: Side, or (height, width), of the images returned; None: as given. Resized bilinearly
            with antialiasing, in fp32.
        check_batches: The range of this many first batches is checked.

    Raises:
        ValueError: Arguments that contradict each other.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        channel_order: str = 'rgb',
        size: None | int | tuple[int, int] = None,
        check_batches: int = 2,
    ) -> None:
        super().__init__()
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError(f"channel_order must be 'rgb' or 'bgr', got {channel_order!r}.")
        if (mean is None) != (std is None):
            raise ValueError(f'Give mean and std both or neither, got mean={mean}, std={std}.')
        if mean is not None and not (len(mean) == len(std) == 3 and min(std) > 0):
            raise ValueError(f'mean and std are 3 numbers each, std > 0; got {mean}, {std}.')
        self.normalized = mean is not None
        self.channel_order = channel_order
        self.size = (size, size) if isinstance(size, int) else size
        self.batches_to_check = check_batches
        self.mean = [0.0] * 3 if mean is None else [float(value) for value in mean]
        self.std = [1.0] * 3 if std is None else [float(value) for value in std]
        self._on_device: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def forward(self, images: Tensor) -> Tensor:
        """Convert a batch.

        Args:
            images: (B, 3, H, W) in the host's normalization.

        Returns:
            (B, 3, h, w) fp32, RGB in [-1, 1].

        Raises:
            ValueError: A wrong shape, several sizes, or pixel values that cannot come from this
                normalization.
        """
        if not isinstance(images, Tensor):
            sides = sorted({tuple(image.shape[-2:]) for image in images})
            raise ValueError(
                f'Expected one tensor (B, 3, H, W), got a list of {len(images)} images of sides '
                f'{sides}: resize or pad them to one size in the pipeline or data preprocessor.'
            )
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f'Expected images (B, 3, H, W), got shape {tuple(images.shape)}.')
        mean, std = self._constants(images.device)
        pixels = images.float() * std + mean
        if self.batches_to_check > 0:
            self.batches_to_check -= 1
            self._check_range(images, pixels)
        if self.channel_order == 'bgr':
            pixels = pixels.flip(1)
        pixels = pixels / 127.5 - 1
        if self.size is not None and tuple(self.size) != tuple(pixels.shape[2:]):
            pixels = F.interpolate(
                pixels, size=self.size, mode='bilinear', align_corners=False, antialias=True
            )
        return pixels

    def _constants(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Mean and std in fp32; buffers would be rounded when a model is cast to half."""
        if device not in self._on_device:
            shape = (1, 3, 1, 1)
            self._on_device[device] = (
                torch.tensor(self.mean, dtype=torch.float32, device=device).view(shape),
                torch.tensor(self.std, dtype=torch.float32, device=device).view(shape),
            )
        return self._on_device[device]

    def _check_range(self, images: Tensor, pixels: Tensor) -> None:
        given = f'{float(images.min()):.3g} .. {float(images.max()):.3g}'
        low, high = float(pixels.min()), float(pixels.max())
        slack = _TOLERANCE * 127.5
        if not self.normalized and 0 < max(high, -low) < _NORMALIZED and (low < 0 or high <= 1):
            raise ValueError(
                f'The images lie in {given}, which looks normalized, but no mean and std were '
                "given and 0 .. 255 was expected. Set mean and std to those of the host's data "
                'preprocessor (for images in [-1, 1]: mean=[127.5]*3, std=[127.5]*3; for [0, 1]: '
                'mean=[0]*3, std=[255]*3).'
            )
        if not (low >= -slack and high <= 255 + slack):
            raise ValueError(
                f'The images lie in {given}; undoing mean={self.mean} and '
                f'std={self.std} gives {low:.4g} .. {high:.4g} where 0 .. 255 '
                "was expected. Set mean and std to those of the host's data preprocessor, in "
                'units of 0 .. 255, or to None if it does not normalize.'
            )
