# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read images and masks of files through Pillow, upright, with errors that name the file."""

import numpy as np
from PIL import Image, ImageOps


def read_rgb(path: str) -> np.ndarray:
    """Read an image as RGB uint8 (H, W, 3), upright.

    Raises:
        FileNotFoundError: No such file.
        OSError: The file is damaged or is not an image; the message names it.
    """
    try:
        with Image.open(path) as file:
            return np.array(ImageOps.exif_transpose(file).convert('RGB'))
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError) as error:
        raise OSError(f'{path} could not be read as an image: {error}') from error


def read_mask(path: str) -> np.ndarray:
    """Read the object numbers of a frame, int64 (H, W); 255 becomes 1 where it is the only one.

    DAVIS 2016 marks its one object by 255; in DAVIS 2017, 255 marks pixels that count nowhere.

    Raises:
        OSError: The file is damaged or not there; the message names it.
    """
    try:
        with Image.open(path) as file:
            mask = np.array(file if file.mode == 'P' else file.convert('L')).astype(np.int64)
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError) as error:
        raise OSError(f'{path} could not be read as a mask: {error}') from error
    if set(np.unique(mask)) <= {0, 255}:
        mask = (mask == 255).astype(np.int64)
    return mask
