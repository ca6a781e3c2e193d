# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read images and masks of files through Pillow, upright, with errors that name the file."""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mmdiffrep.utils.jpeg_damage import warn_of_jpeg_damage


def read_rgb(path: str) -> np.ndarray:
    """Read an image as RGB uint8 (H, W, 3), upright; warn of a JPEG that is damaged inside.

    Raises:
        FileNotFoundError: No such file.
        OSError: The file is damaged or is not an image; the message names it.
    """
    with _opened(path, 'an image') as file:
        return np.array(ImageOps.exif_transpose(file).convert('RGB'))


def read_mask(path: str) -> np.ndarray:
    """Read the object numbers of a frame, int64 (H, W); 255 becomes 1 where it is the only one.

    DAVIS 2016 marks its one object by 255; in DAVIS 2017, 255 marks pixels that count nowhere.

    Raises:
        FileNotFoundError: No such file.
        OSError: The file is damaged or is not an image; the message names it.
    """
    return read_masks([path])[0]


def read_masks(paths: Sequence[str]) -> list[np.ndarray]:
    """Read the object numbers of a sequence's frames; the first tells what its 255 stands for.

    See :func:`read_mask`: in a later frame without any object, 255 alone is no object.
    """
    masks = []
    for path in paths:
        with _opened(path, 'a mask') as file:
            gray = file if file.mode == 'P' else file.convert('L')
            masks.append(np.array(gray).astype(np.int64))
    if masks and set(np.unique(masks[0])) <= {0, 255}:
        masks = [(mask == 255).astype(np.int64) for mask in masks]
    return masks


@contextmanager
def _opened(path: str, what: str) -> Iterator[Image.Image]:
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would wait for ever
            raise OSError('it is not a file')
        warn_of_jpeg_damage(path)
        with Image.open(path) as image:
            yield image
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise OSError(f'{path} could not be read as {what}: {error}') from error
