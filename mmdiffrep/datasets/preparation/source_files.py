# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read the files of a download; every damaged file is an error that names it."""

import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from mmdiffrep.utils import image_files
from mmdiffrep.utils.image_files import SIXTEEN_BITS, open_stored, upright_rgb
from mmdiffrep.utils.jpeg_damage import warn_of_jpeg_damage

_SHOWN = 200  # problems that an error lists


class DamagedSourceError(ValueError):
    """Files of the download are missing or cannot be used."""


def check_present(name: str, paths: Sequence[Path], where_to_get: str) -> None:
    """Check that all parts of a download are there.

    Raises:
        FileNotFoundError: Lists everything missing and says where to get it.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise FileNotFoundError(
            f'{name}: not found:\n  ' + '\n  '.join(missing) + '\n' + where_to_get
        )


def refuse_problems(summary: str, problems: Sequence[str], advice: str) -> None:
    """Raise one error that lists all problems of a preparation, if there are any.

    Raises:
        DamagedSourceError: There is a problem.
    """
    if problems:
        more = [f'... and {len(problems) - _SHOWN} more'] if len(problems) > _SHOWN else []
        listed = '\n  '.join([*problems[:_SHOWN], *more])
        raise DamagedSourceError(f'{summary}:\n  {listed}\n{advice}')


def read_image(path: Path, warn: bool = True) -> Image.Image:
    """Return an image as mmcv loads it, see :func:`~mmdiffrep.utils.image_files.upright_rgb`.

    Args:
        path: The file.
        warn: Warn of a JPEG that is damaged inside, for which it is decoded twice.

    Raises:
        DamagedSourceError: Not a complete image, or pixels of 32 bits; names the file.
    """
    with opened(path, warn) as stored:
        return upright_rgb(stored)


def read_mask(path: Path) -> np.ndarray:
    """Return the gray values (H, W) of a mask as stored, of 8 or 16 bits.

    Raises:
        DamagedSourceError: Not a complete image; names the file.
    """
    with opened(path) as image:
        deep = image.mode in (*SIXTEEN_BITS, 'I', 'F')
        return np.asarray(image if deep else image.convert('L'))


def upright_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of an image by its EXIF orientation, after decoding all of it.

    Raises:
        DamagedSourceError: Not a complete image; names the file.
    """
    with opened(path) as image:
        size = image_files.upright_size(image)
        image.draft('RGB', (1, 1))  # an eighth of the size: quicker
        image.load()
        return size


@contextmanager
def opened(path: Path, warn: bool = True) -> Iterator[Image.Image]:
    """Open an image; whatever goes wrong names the file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait for ever
            raise ValueError('not a regular file')
        if warn:
            warn_of_jpeg_damage(path)
        with open_stored(path) as image:
            yield image
    except FileNotFoundError as error:
        raise DamagedSourceError(f'{path} does not exist') from error
    except Exception as error:
        raise DamagedSourceError(f'{path}: {error}') from error


def run_tool(prepare: Callable[[], None]) -> int:
    """Run a preparation from the command line; report its errors in plain words.

    Returns:
        The exit status: 0, 1 for an error, 130 for an interrupt.
    """
    try:
        prepare()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        print(f'error: {reason}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('Interrupted; the same command goes on from here.', file=sys.stderr)
        return 130
    return 0
