# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""CelebAMask-HQ as downloaded -> one image and one mask per face, and the official split lists.

The download has 1024x1024 images and up to 18 binary 512x512 masks per image, one for each part
that is visible. ``CelebAMaskHQDataset`` reads what is written here.
"""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES, CELEBAMASK_PALETTE
from mmdiffrep.datasets.preparation.celebamask_split import official_split

IMAGES_PER_MASK_FOLDER = 2000
JPEG_QUALITY = 95
_PART_THRESHOLD = 127
_LAST_BYTES = {'.jpg': b'\xff\xd9', '.png': b'IEND\xaeB`\x82'}

WHERE_TO_GET = """\
CelebAMask-HQ is free for non-commercial research and comes from its authors only:
  1. https://github.com/switchablenorms/CelebAMask-HQ links to CelebAMask-HQ.zip (about 3 GB). It
     has CelebA-HQ-img/, CelebAMask-HQ-mask-anno/ and CelebA-HQ-to-CelebA-mapping.txt.
  2. https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html links to CelebA, whose Eval folder has
     list_eval_partition.txt; only this one file is needed. Put it next to the others, or name it
     with --partition."""


class DamagedSourceError(ValueError):
    """Files of the download are missing or cannot be read."""


@dataclass(frozen=True)
class CelebAMaskSource:
    """The folder of an unpacked download.

    Attributes:
        root: The folder that the archive unpacks to.
        partition: CelebA's ``list_eval_partition.txt``; None means the one in ``root``.
    """

    root: Path
    partition: Path | None = None

    @property
    def images(self) -> Path:
        """Folder of ``<id>.jpg``."""
        return self.root / 'CelebA-HQ-img'

    @property
    def parts(self) -> Path:
        """Folder of ``<id // 2000>/<id:05d>_<part>.png``."""
        return self.root / 'CelebAMask-HQ-mask-anno'

    @property
    def mapping_file(self) -> Path:
        """Which CelebA image each CelebA-HQ image was made from."""
        return self.root / 'CelebA-HQ-to-CelebA-mapping.txt'

    @property
    def partition_file(self) -> Path:
        """CelebA's split."""
        return self.partition or self.root / 'list_eval_partition.txt'

    def check(self) -> None:
        """Raise FileNotFoundError that lists everything missing and says where to get it."""
        needed = (self.images, self.parts, self.mapping_file, self.partition_file)
        missing = [str(path) for path in needed if not path.exists()]
        if missing:
            raise FileNotFoundError(
                'CelebAMask-HQ: not found:\n  ' + '\n  '.join(missing) + '\n' + WHERE_TO_GET
            )

    def part_files(self, image_id: int) -> dict[int, Path]:
        """Return the existing part masks of an image by label, in painting order."""
        folder = self.parts / str(image_id // IMAGES_PER_MASK_FOLDER)
        files = {
            label: folder / f'{image_id:05d}_{part}.png'
            for label, part in enumerate(CELEBAMASK_CLASSES)
            if label > 0
        }
        return {label: path for label, path in files.items() if path.is_file()}


class Outcome(NamedTuple):
    """What became of one image: ``problem`` is empty unless its source is damaged."""

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

    May be stopped at any moment and started again: complete outputs are skipped, every file is
    written under another name and then renamed, and the lists come last, so that a folder with
    lists is a complete one.

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
        ValueError: If ``size`` is not positive, or a mapping file has the wrong form.
    """
    if size < 1:
        raise ValueError(f'size must be a positive number of pixels, got {size}.')
    source.check()
    split = official_split(source.mapping_file, source.partition_file)
    for folder in ('images', 'masks'):
        (target / folder).mkdir(parents=True, exist_ok=True)
    image_ids = sorted(image_id for ids in split.values() for image_id in ids)

    outcomes = list(_prepare_all(image_ids, source, target, size, workers or os.cpu_count() or 1))

    problems = [outcome.problem for outcome in outcomes if outcome.problem]
    if problems:
        shown = '\n  '.join(problems[:20])
        raise DamagedSourceError(
            f'{len(problems)} of {len(image_ids)} images could not be prepared:\n  {shown}\n'
            'Unpack these files again and repeat the command; complete ones are skipped. The '
            'split lists are written once everything is there.'
        )
    for name, ids in split.items():
        lines = ''.join(f'{image_id:05d}\n' for image_id in ids)
        temporary = target / f'.{name}.txt.tmp'
        temporary.write_text(lines, encoding='utf-8')
        os.replace(temporary, target / f'{name}.txt')
    written = sum(outcome.written for outcome in outcomes)
    return Report(
        split={name: len(ids) for name, ids in split.items()},
        written=written,
        skipped=len(outcomes) - written,
    )


def _prepare_all(
    image_ids: list[int], source: CelebAMaskSource, target: Path, size: int, workers: int
) -> Iterator[Outcome]:
    prepare = partial(prepare_image, source=source, target=target, size=size)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # An interrupt is the parent's business: workers finish the image at hand.
    ignore_interrupt = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    executor = ProcessPoolExecutor(workers, initializer=ignore_interrupt)
    try:
        outcomes = executor.map(prepare, image_ids, chunksize=16)
        with Progress(*columns) as progress:
            yield from progress.track(outcomes, total=len(image_ids))
    finally:
        executor.shutdown(cancel_futures=True)


def prepare_image(image_id: int, source: CelebAMaskSource, target: Path, size: int) -> Outcome:
    """Write the image and the mask of one face, unless both are there already.

    Args:
        image_id: CelebA-HQ id, 0..29999.
        source: The unpacked download.
        target: Folder with ``images/`` and ``masks/``.
        size: Height and width to write, in pixels.

    Returns:
        The outcome; damage in the source is reported in it, not raised.
    """
    image_path = target / 'images' / f'{image_id:05d}.jpg'
    mask_path = target / 'masks' / f'{image_id:05d}.png'
    if _is_complete(image_path, size) and _is_complete(mask_path, size):
        return Outcome(image_id, written=False)
    try:
        image = _read(source.images / f'{image_id}.jpg', 'RGB')
        mask = merge_parts(source.part_files(image_id), image_id)
    except DamagedSourceError as error:
        return Outcome(image_id, written=False, problem=str(error))
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    labels = Image.fromarray(mask)
    if labels.size != (size, size):
        labels = labels.resize((size, size), Image.Resampling.NEAREST)
    labels.putpalette([value for color in CELEBAMASK_PALETTE for value in color])
    _write(image, image_path, format='JPEG', quality=JPEG_QUALITY)
    _write(labels, mask_path, format='PNG')
    return Outcome(image_id, written=True)


def merge_parts(part_files: dict[int, Path], image_id: int) -> np.ndarray:
    """Paint the binary masks of one face into one label map.

    Args:
        part_files: Mask file by label. Later entries paint over earlier ones; the official order
            puts the eyes over the skin and the hair over both.
        image_id: Named in errors.

    Returns:
        Labels (H, W), uint8, 0 where no part is.

    Raises:
        DamagedSourceError: If a file cannot be read, sizes differ, or there is no part at all.
    """
    if not part_files:
        raise DamagedSourceError(
            f'image {image_id}: none of its part masks exists; is CelebAMask-HQ-mask-anno complete?'
        )
    labels: np.ndarray | None = None
    for label, path in part_files.items():
        part = np.asarray(_read(path, 'L'))
        if labels is None:
            labels = np.zeros(part.shape, np.uint8)
        if part.shape != labels.shape:
            raise DamagedSourceError(
                f'{path} has {part.shape} pixels, the other parts of this face {labels.shape}'
            )
        labels[part > _PART_THRESHOLD] = label
    return labels


def _read(path: Path, mode: str) -> Image.Image:
    # Pillow raises SyntaxError for some broken PNG chunks.
    try:
        with Image.open(path) as image:
            return image.convert(mode)
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedSourceError(f'{path}: {error}') from error


def _write(image: Image.Image, path: Path, **options: object) -> None:
    temporary = path.with_name(f'.{path.name}.tmp')
    image.save(temporary, **options)
    os.replace(temporary, path)


def _is_complete(path: Path, size: int) -> bool:
    """Tell from the header's size and the last bytes: decoding 60,000 files takes minutes."""
    if not path.is_file():
        return False
    try:
        with Image.open(path) as image:
            if image.size != (size, size):
                return False
    except (OSError, SyntaxError):
        return False
    expected = _LAST_BYTES[path.suffix]
    with path.open('rb') as file:
        file.seek(-len(expected), os.SEEK_END)
        return file.read() == expected
