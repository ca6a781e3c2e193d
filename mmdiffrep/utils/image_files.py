# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read images and masks of files through Pillow, as mmcv reads them; errors name the file."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import TiffImageFile

from mmdiffrep.utils.jpeg_damage import warn_of_jpeg_damage

SIXTEEN_BITS = ('I;16', 'I;16L', 'I;16B', 'I;16N')
_SCALED_FORMATS = ('PNG', 'PPM')  # where Pillow's mode I stands for 16 bits


def upright_rgb(stored: Image.Image) -> Image.Image:
    """Return an image as mmcv loads it: upright by its EXIF orientation, RGB, 8 bits.

    Of 16 bits the upper 8 are kept; an alpha channel is dropped.

    Raises:
        ValueError: Pixels of 32 bits.
    """
    refuse_32_bits(stored)
    image = ImageOps.exif_transpose(stored)
    if has_16_bits(stored):
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))
    return image.convert('RGB')


def upright_size(stored: Image.Image) -> tuple[int, int]:
    """Return width and height of an opened file once it is upright; nothing is decoded."""
    size = stored.size
    if isinstance(stored, TiffImageFile):  # some versions of Pillow turn its size when it is opened
        size = stored.tag_v2[Base.ImageWidth], stored.tag_v2[Base.ImageLength]
    return size[::-1] if is_turned(stored) else size


def is_turned(stored: Image.Image) -> bool:
    """Return whether an opened file is turned by a quarter, by its EXIF orientation."""
    return stored.getexif().get(Base.Orientation, 1) in (5, 6, 7, 8)


def has_16_bits(stored: Image.Image) -> bool:
    """Return whether a file is a gray image of 16 bits, which Pillow does not scale to 8."""
    scaled = stored.mode == 'I' and stored.format in _SCALED_FORMATS
    return scaled or stored.mode in SIXTEEN_BITS


def refuse_32_bits(stored: Image.Image) -> None:
    """Check the depth of an opened file.

    Raises:
        ValueError: Pixels of 32 bits.
    """
    if stored.mode in ('I', 'F') and not has_16_bits(stored):
        raise ValueError(
            f'pixels of 32 bits (mode {stored.mode}), whose range is unknown: save it with 8 bits '
            'per channel'
        )


def read_rgb(path: str) -> np.ndarray:
    """Read an image as RGB uint8 (H, W, 3), see :func:`upright_rgb`.

    A warning names a JPEG that is damaged inside.

    Raises:
        FileNotFoundError: No such file.
        OSError: The file is damaged, has pixels of 32 bits or is not an image; the message names
            it.
    """
    with opened_as(path, 'an image') as file:
        return np.array(upright_rgb(file))


def read_mask(path: str) -> np.ndarray:
    """Read the object numbers of a frame, int64 (H, W); 255 becomes 1 where it is the only one.

    DAVIS 2016 marks its one object by 255; in DAVIS 2017, 255 marks pixels that count nowhere.

    Raises:
        FileNotFoundError: No such file.
        OSError: The file is damaged or is not an image; the message names it.
    """
    return read_masks([path])[0]


def read_masks(paths: Sequence[str]) -> list[np.ndarray]:
    """Read the object numbers of a sequence's frames; the first one defines the meaning of 255.

    See :func:`read_mask`: in a later frame without any object, 255 alone is not an object.
    """
    masks = [read_labels(path) for path in paths]
    if masks and set(np.unique(masks[0])) <= {0, 255}:
        masks = [(mask == 255).astype(np.int64) for mask in masks]
    return masks


def read_labels(path: str) -> np.ndarray:
    """Read the numbers that a mask stores, see :func:`labels_in`.

    Raises:
        FileNotFoundError: No such file.
        OSError: The file is damaged or is not a mask; the message names it.
    """
    with opened_as(path, 'a mask') as file:
        return labels_in(file)


def labels_in(stored: Image.Image) -> np.ndarray:
    """Return the numbers that a mask stores, int64 (H, W): gray values, or indices of its palette.

    Raises:
        ValueError: A color picture without palette, or numbers with fractions.
    """
    if stored.mode in ('1', 'L', 'P', 'I', *SIXTEEN_BITS):
        return np.array(stored).astype(np.int64)
    channels = np.array(stored.convert('RGB')).astype(np.int64)
    if stored.mode == 'F' or (channels != channels[..., :1]).any():
        raise ValueError(
            f'a picture of mode {stored.mode} where one whole number per pixel is needed: save '
            'the labels as gray values or with a palette'
        )
    return channels[..., 0]


@contextmanager
def open_stored(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """Open an image without mapping it into memory, by which Pillow scrambles turned TIFF files."""
    with open(path, 'rb') as file, Image.open(file) as image:
        yield image


def is_sound(path: str | os.PathLike[str], decode: bool = True) -> bool:
    """Tell whether Pillow reads a file without an error: its pixels, or its checksums alone."""
    try:
        with Image.open(path) as image:
            image.load() if decode else image.verify()
    except Exception:  # noqa: BLE001 (Pillow's decoders raise many types)
        return False
    return True


@contextmanager
def opened_as(path: str, what: str) -> Iterator[Image.Image]:
    """Open an image; whatever goes wrong is an error that names the file, and what it should be.

    Raises:
        FileNotFoundError: No such file.
        OSError: The file is damaged or is not an image.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would wait for ever
            raise OSError('it is not a file')
        warn_of_jpeg_damage(path)
        with open_stored(path) as image:
            yield image
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise OSError(f'{path} could not be read as {what}: {error}') from error
