# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Bring images to what a denoiser was trained on: RGB in [-1, 1], of its size."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import (
    about,
    equal,
    integer,
    of_shape,
    of_type,
    one_of,
    positive,
)

logger = logging.getLogger('mmdiffrep')

OVERSHOOT = 0.05  # in units of [-1, 1]: interpolation and augmentation may overshoot a little
INTERPOLATIONS = ('bilinear', 'bicubic')
_NARROW = 4.0  # of 255: less than this is black
_NORMALIZED = 8.0  # images of 0 .. 255 hardly ever stay below this; normalized ones always do
_ASPECT = 1.01  # ratio of aspect ratios; above it, resizing distorts the image


def host_input(settings: Mapping[str, Any] | None, size: int) -> 'DenoiserInput':
    """Build the :class:`DenoiserInput` of a backbone inside a host's model.

    Args:
        settings: Its arguments, the ``input`` of the backbone's config; None: the host gives RGB
            images of 0 .. 255.
        size: Side of the denoiser's images, if ``settings`` has no ``size``.

    Raises:
        ValueError: Arguments that do not exist or contradict each other, or ``mean`` and ``std``
            without ``channel_order``, which a backbone cannot find out.
    """
    settings = of_type('input', settings, dict, type(None)) or {}
    check_arguments(settings, DenoiserInput, 'input')
    if 'channel_order' not in settings and settings.get('mean') is not None:
        raise ValueError(
            "input has mean and std, but no channel_order: say channel_order='rgb' if the data "
            "preprocessor turns files to RGB (bgr_to_rgb=True, mmpretrain: to_rgb=True), 'bgr' if "
            'it does not. For data sets of RGB arrays (CIFAR10) it is the other way round.'
        )
    with about('input'):
        return DenoiserInput(**{'size': size, **settings})


class DistortionWatch:
    """Warns once if images are resized to another aspect ratio.

    Args:
        reader: Whom they are resized for.
        way_out: What to set instead of cropping or padding them.
    """

    def __init__(self, reader: str, way_out: str) -> None:
        self._reader = reader
        self._way_out = way_out
        self._warned = False

    def check(self, given: Sequence[int], size: Sequence[int]) -> None:
        """Look at the height and width of images before and after."""
        (height, width), (new_height, new_width) = given, size
        change = (height * new_width) / (width * new_height)
        if not self._warned and not 1 / _ASPECT < change < _ASPECT:
            self._warned = True
            logger.warning(
                'Images of %d x %d are resized to %d x %d for %s, which changes their aspect ratio '
                'and with it the features. Crop or pad them to that shape in the pipeline, or %s.',
                *(height, width, new_height, new_width, self._reader, self._way_out),
            )


class DenoiserInput(nn.Module):
    """Undoes a host's normalization exactly, and resizes to the denoiser's size.

    What a host pads after normalizing (its ``pad_val`` 0) comes out as the color ``mean``, a plain
    gray to the denoiser; padding is neither detected nor removed.

    Args:
        mean: Per channel, or one number for all, in 0 .. 255 units and in the channel order of the
            images given, as in the host's data preprocessor. None (with ``std`` None): the images
            are not normalized, 0 .. 255.
        std: Like ``mean``.
        channel_order: ``'rgb'`` or ``'bgr'``: the order of the images given (of a host that
            converts, the order after it).
        size: Side, or (height, width), of the images returned; None: as given. Resized with
            antialiasing, in float32. A warning says once if that changes the aspect ratio.
        check_batches: The range of the first ``check_batches`` batches is checked.
        interpolation: ``'bilinear'``, or ``'bicubic'`` as DIFT, CLIP and ODISE resize: Pillow's,
            up to its rounding and clamping between the two directions.

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
        interpolation: str = 'bilinear',
    ) -> None:
        super().__init__()
        self.channel_order = one_of('channel_order', channel_order, ('rgb', 'bgr'))
        self.interpolation = one_of('interpolation', interpolation, INTERPOLATIONS)
        if (mean is None) != (std is None):
            raise ValueError(f'Give mean and std both or neither, got mean={mean}, std={std}.')
        if mean is not None and std is not None:
            mean, std = (list(x) * 3 if len(x) == 1 else list(x) for x in (mean, std))
            for name, values in (('mean', mean), ('std', std)):
                equal(f'The length of {name}', len(values), 3, 'Give 1 or 3 numbers.')
            positive('each of std', min(std))
            if max(std) < 1:
                raise ValueError(
                    f'mean={mean}, std={std} are in units of 0 .. 1: give them in units of '
                    f'0 .. 255, mean={_times_255(mean)}, std={_times_255(std)}.'
                )
        self.normalized = mean is not None
        sides = (size, size) if isinstance(size, int) else size
        self.size = None if sides is None else tuple(integer('size', side, 1) for side in sides)
        self.batches_to_check = check_batches
        self.mean = [float(value) for value in mean or [0.0] * 3]
        self.std = [float(value) for value in std or [1.0] * 3]
        self._distortion = DistortionWatch(
            'the denoiser',
            'set `size` of the input to None (every image as it is) or to (height, width) of the '
            'same shape',
        )
        self._on_device: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def forward(self, images: Tensor) -> Tensor:
        """Convert a batch.

        Args:
            images: (B, 3, H, W) in the host's normalization.

        Returns:
            (B, 3, h, w) float32, RGB in [-1, 1].

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
        check_shape(images)
        mean, std = self._constants(images.device)
        pixels = images.float() * std + mean
        if self.batches_to_check > 0:
            self.batches_to_check -= 1
            self._check_range(images, pixels)
        if self.channel_order == 'bgr':
            pixels = pixels.flip(1)
        pixels = pixels / 127.5 - 1
        if self.size is not None and tuple(self.size) != tuple(pixels.shape[2:]):
            self._distortion.check(pixels.shape[2:], self.size)
            pixels = resize(pixels, self.size, self.interpolation)
        return pixels

    def _constants(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return mean and std in float32; buffers would be rounded when a model is cast to half."""
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
        slack = OVERSHOOT * 127.5
        if not self.normalized and 0 < max(high, -low) < _NORMALIZED and (low < 0 or high <= 1):
            raise ValueError(
                f'The images lie in {given}, which looks normalized; without mean and std 0 .. 255 '
                "is expected. Set them to those of the host's data preprocessor (for images in "
                '[-1, 1]: mean=[127.5]*3, std=[127.5]*3; for [0, 1]: mean=[0]*3, std=[255]*3).'
            )
        if self.normalized and high - low < _NARROW and max(high, -low) < _NARROW:
            logger.warning(
                'The images lie in %s; undoing mean=%s and std=%s gives %.3g .. %.3g where 0 .. '
                '255 was expected: nearly black. Are mean and std in units of 0 .. 1? Give them in '
                'units of 0 .. 255.',
                *(given, self.mean, self.std, low, high),
            )
        if not (low >= -slack and high <= 255 + slack):
            raise ValueError(
                f'The images lie in {given}; undoing mean={self.mean} and std={self.std} gives '
                f'{low:.4g} .. {high:.4g} where 0 .. 255 was expected. Set mean and std to '
                "those of the host's data preprocessor, in units of 0 .. 255, or to None."
            )


def resize(images: Tensor, size: tuple[int, ...], interpolation: str = 'bilinear') -> Tensor:
    """Resize images with antialiasing; values stay in [-1, 1], which bicubic ones would leave.

    Args:
        images: (B, C, H, W) in [-1, 1].
        size: Height and width.
        interpolation: ``'bilinear'`` or ``'bicubic'``.
    """
    resized = F.interpolate(
        images, size=size, mode=interpolation, align_corners=False, antialias=True
    )
    return resized if interpolation == 'bilinear' else resized.clamp(-1, 1)


def check_shape(images: Tensor, channels: Sequence[int] = (3,)) -> None:
    """Check that a tensor is a batch of images.

    Args:
        images: What is checked.
        channels: Numbers of channels that are right, the usual one last.

    Raises:
        ValueError: Not (B, C, H, W) with one of these C.
    """
    found = images.shape[1] if images.ndim == 4 else channels[-1]
    of_shape('images', images, 'B', found if found in channels else channels[-1], 'H', 'W')


def _times_255(values: Sequence[float]) -> list[float]:
    return [round(255 * value, 3) for value in values]
