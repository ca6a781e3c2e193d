# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""CelebAMask-HQ as downloaded -> one image and one mask per face, and the official split lists.

The download has 1024x1024 images and up to 18 binary 512x512 masks per image, one for each part
that is visible. ``CelebAMaskHQDataset`` reads what is written here.
"""

import io
import os
import signal
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_PALETTE
from mmdiffrep.datasets.preparation.celebamask_source import CelebAMaskSource
from mmdiffrep.datasets.preparation.celebamask_split import official_split
from mmdiffrep.datasets.preparation.complete_folder import place_file
from mmdiffrep.datasets.preparation.source_files import (
    DamagedSourceError,
    read_image,
    read_mask,
    refuse_problems,
)
from mmdiffrep.utils.checks import integer

JPEG_QUALITY = 95
CHECKSUMS = 'checksums.crc32'  # CRC-32 and name of every file written


class Outcome(NamedTuple):
    """Result of one image.

    Attributes:
        image_id: CelebA-HQ id.
        written: Whether its files are new.
        problem: Empty unless its source is damaged.
    """

    image_id: int
    written: bool
    problem: str = ''


class Report(NamedTuple):
    """Counts of a finished preparation."""

    split: dict[str, int]
    written: int
    skipped: int


def prepare_celebamask(
    source: CelebAMaskSource, target: Path, size: int = 512, workers: int | None = None
) -> Report:
    """Write ``images/``, ``masks/``, ``train.txt``, ``val.txt`` and ``test.txt``.

    May be stopped at any moment and started again: every file appears complete, outputs whose
    CRC-32 is the one in ``checksums.crc32`` are skipped, all others are written again, and the
    lists come last, so that a folder with lists is complete.

    Args:
        source: The unpacked download.
        target: Folder to write to; made if it does not exist.
        size: Height and width of images and masks in pixels. Default 512, the size of the
            original masks.
        workers: Number of processes. Default None: one per CPU.

    Returns:
        The counts.

    Raises:
        FileNotFoundError: If a part of the download is missing; says where to get it.
        DamagedSourceError: If images or masks are missing or unreadable. All others are prepared
            first, so that after replacing the named files a second run is short.
        OSError: If the disk is full.
        ValueError: If ``size`` is not positive, or a mapping file has the wrong form.
    """
    integer('size', size, 1)
    source.check()
    split = official_split(source.mapping_file, source.partition_file)
    image_ids = sorted(image_id for ids in split.values() for image_id in ids)

    target.mkdir(parents=True, exist_ok=True)
    outcomes = list(_prepare_all(image_ids, source, target, size, workers or os.cpu_count() or 1))
    problems = [outcome.problem for outcome in outcomes if outcome.problem]
    refuse_problems(
        f'{len(problems)} of {len(image_ids)} images could not be prepared',
        problems,
        'Unpack these files again and repeat the command; complete images are skipped. The split '
        'lists are written once everything is there.',
    )
    _place_text(_checksum_lines(read_checksums(target)), target / CHECKSUMS)
    for name, ids in split.items():
        lines = ''.join(f'{image_id:05d}\n' for image_id in ids)
        _place_text(lines, target / f'{name}.txt')
    written = sum(outcome.written for outcome in outcomes)
    return Report(
        split={name: len(ids) for name, ids in split.items()},
        written=written,
        skipped=len(outcomes) - written,
    )


def _prepare_all(
    image_ids: list[int], source: CelebAMaskSource, target: Path, size: int, workers: int
) -> Iterator[Outcome]:
    known = read_checksums(target)
    prepare = partial(prepare_image, source=source, target=target, size=size, known=known)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # The parent handles an interrupt; workers finish their current image.
    ignore_interrupt = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    executor = ProcessPoolExecutor(workers, initializer=ignore_interrupt)
    try:
        outcomes = executor.map(prepare, image_ids, chunksize=16)
        with Progress(*columns) as progress:
            yield from progress.track(outcomes, total=len(image_ids))
    finally:
        executor.shutdown(cancel_futures=True)


def prepare_image(
    image_id: int,
    source: CelebAMaskSource,
    target: Path,
    size: int,
    known: dict[str, str] | None = None,
) -> Outcome:
    """Write the image and the mask of one face, unless both are there and undamaged.

    Args:
        image_id: CelebA-HQ id, 0..29999.
        source: The unpacked download.
        target: Folder with ``images/`` and ``masks/``.
        size: Height and width to write, in pixels.
        known: CRC-32 of earlier outputs by name, see :func:`read_checksums`.

    Returns:
        The outcome; damage in the source is reported in it, not raised.
    """
    names = _output_names(image_id)
    present = tuple(_checksum(target / name, size) for name in names)
    if all(present) and present == tuple((known or {}).get(name) for name in names):
        return Outcome(image_id, written=False)
    try:
        image = read_image(source.images / f'{image_id}.jpg')
        mask = merge_parts(source.part_files(image_id), image_id)
    except DamagedSourceError as error:
        return Outcome(image_id, written=False, problem=str(error))
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    labels = Image.fromarray(mask)
    if labels.size != (size, size):
        labels = labels.resize((size, size), Image.Resampling.NEAREST)
    labels.putpalette([value for color in CELEBAMASK_PALETTE for value in color])
    encoded = (_encode(image, 'JPEG', quality=JPEG_QUALITY), _encode(labels, 'PNG'))
    # The checksums come first: a file without one would be written again after a kill.
    with (target / CHECKSUMS).open('a', encoding='ascii') as log:
        log.write(_checksum_lines(dict(zip(names, map(_crc, encoded)))))
    for name, content in zip(names, encoded):
        place_file(target / name, partial(_write_bytes, content))
    return Outcome(image_id, written=True)


def read_checksums(target: Path) -> dict[str, str]:
    """Return the CRC-32 of the files of earlier runs by name; empty without any."""
    path = target / CHECKSUMS
    if not path.is_file():
        return {}
    rows = [line.split() for line in path.read_text('ascii', errors='replace').splitlines()]
    return {row[1]: row[0] for row in rows if len(row) == 2}


def merge_parts(part_files: dict[int, Path], image_id: int) -> np.ndarray:
    """Paint the binary masks of one face into one label map.

    Args:
        part_files: Mask file by label. Later entries paint over earlier ones; the official order
            puts the eyes over the skin and the hair over both.
        image_id: Named in errors.

    Returns:
        Labels (H, W), uint8, 0 where no part is.

    Raises:
        DamagedSourceError: If a file cannot be read, has other values than 0 and one more, sizes
            differ, or there is no part at all.
    """
    if not part_files:
        raise DamagedSourceError(
            f'image {image_id}: none of its part masks exists; is CelebAMask-HQ-mask-anno complete?'
        )
    labels: np.ndarray | None = None
    for label, path in part_files.items():
        part = _binary(read_mask(path), path)
        if labels is None:
            labels = np.zeros(part.shape, np.uint8)
        if part.shape != labels.shape:
            raise DamagedSourceError(
                f'{path} has {part.shape} pixels, the other parts of this face {labels.shape}'
            )
        labels[part] = label
    return labels


def _binary(part: np.ndarray, path: Path) -> np.ndarray:
    """Return where a part is, whatever the value it is coded by: 255 in the download."""
    low, high = part.min(), part.max()
    if low < 0 or (high < 128 and len(np.unique(part)) > 2):
        raise DamagedSourceError(
            f'{path} has values {low} .. {high}, expected 0 and one more, such as 255'
        )
    return part > high // 2


def _output_names(image_id: int) -> tuple[str, str]:
    return f'images/{image_id:05d}.jpg', f'masks/{image_id:05d}.png'


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    with io.BytesIO() as buffer:
        image.save(buffer, format=kind, **options)
        return buffer.getvalue()


def _checksum_lines(checksums: dict[str, str]) -> str:
    return ''.join(f'{checksum} {name}\n' for name, checksum in sorted(checksums.items()))


def _place_text(text: str, path: Path) -> None:
    place_file(path, partial(_write_bytes, text.encode()))


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _crc(content: bytes) -> str:
    return f'{zlib.crc32(content):08x}'


def _checksum(path: Path, size: int) -> str:
    """Return the CRC-32 of an output; empty if it is missing or has another size."""
    if not path.is_file():
        return ''
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            return _crc(content) if image.size == (size, size) else ''
    except (OSError, SyntaxError, ValueError):
        return ''
