# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny-ImageNet as downloaded -> one folder per class in ``train`` and ``val``.

The download keeps the images of its validation set in one folder, with their classes in
``val_annotations.txt``. mmpretrain's ``CustomDataset`` reads what is written here.
"""

import os
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.progress import track

from mmdiffrep.datasets.preparation.complete_folder import CompleteFolder
from mmdiffrep.datasets.preparation.source_files import (
    DamagedSourceError,
    check_present,
    refuse_problems,
    upright_size,
)
from mmdiffrep.utils.text_file import read_names, read_text

NUM_CLASSES = 200
PER_CLASS: dict[str, int] = {'train': 500, 'val': 50}

WHERE_TO_GET = """\
Tiny-ImageNet comes from its authors, Stanford's course CS231n:
  http://cs231n.stanford.edu/tiny-imagenet-200.zip (about 240 MB)
Unpack it. It has train/, val/ (with val_annotations.txt), test/ (without labels) and wnids.txt."""


class Report(NamedTuple):
    """Counts of a finished preparation: images by split, and how many of them were new."""

    split: dict[str, int]
    written: int


def find_images(source: Path) -> dict[str, list[tuple[Path, str]]]:
    """List the images of an unpacked download with their classes.

    Args:
        source: The folder that the archive unpacks to.

    Returns:
        ``(file, wnid)`` pairs, sorted by wnid and file, for ``train`` and ``val``.

    Raises:
        FileNotFoundError: A part of the download is missing; says where to get it.
        ValueError: Classes or numbers of images are not those of Tiny-ImageNet.
    """
    needed = ('wnids.txt', 'train', 'val/images', 'val/val_annotations.txt')
    check_present('Tiny-ImageNet', [source / name for name in needed], WHERE_TO_GET)
    wnids = read_names(source / 'wnids.txt')
    if len(set(wnids)) != NUM_CLASSES:
        raise ValueError(f'{source}/wnids.txt names {len(set(wnids))} classes, not {NUM_CLASSES}')
    classes = _read_annotations(source / 'val' / 'val_annotations.txt')
    images = {
        'train': [
            (path, wnid)
            for wnid in sorted(wnids)
            for path in sorted((source / 'train' / wnid / 'images').glob('*.JPEG'))
        ],
        'val': sorted(
            ((source / 'val' / 'images' / name, wnid) for name, wnid in classes),
            key=lambda item: (item[1], item[0]),
        ),
    }
    problems = []
    for split, items in images.items():
        counts = Counter(wnid for _, wnid in items)
        wrong = {
            wnid: counts[wnid]
            for wnid in sorted({*wnids, *counts})
            if counts[wnid] != PER_CLASS[split] or wnid not in wnids
        }
        if wrong:
            shown = ', '.join(f'{wnid}: {count}' for wnid, count in list(wrong.items())[:5])
            problems.append(
                f'{split}: {len(wrong)} classes without their {PER_CLASS[split]} images ({shown})'
            )
        absent = [str(p) for p, _ in items if not p.is_file() or p.stat().st_size == 0]
        if absent:
            problems.append(
                f'{split}: {len(absent)} missing or empty files: ' + ', '.join(absent[:20])
            )
    if problems:
        raise ValueError(
            f'{source} is not the whole Tiny-ImageNet:\n  '
            + '\n  '.join(problems)
            + '\nUnpack the archive again.'
        )
    return images


def prepare_tinyimagenet(source: Path, target: Path) -> Report:
    """Write ``train/<wnid>/*.JPEG`` and ``val/<wnid>/*.JPEG``.

    Files are hard links where the file system allows, else copies. May be stopped at any moment
    and started again: what is there is skipped, and a split gets its name when it is complete.

    Args:
        source: The folder that the archive unpacks to; it stays as it is.
        target: Folder to write to; made if it does not exist.

    Raises:
        FileNotFoundError: See :func:`find_images`.
        ValueError: See :func:`find_images`; images that are damaged, which are all named, after the
            other split is written; or ``target`` has a split of another size.
    """
    images = find_images(source)
    written = 0
    problems: list[str] = []
    for split, items in images.items():
        folder = CompleteFolder(target / split, len(items), '*/*.JPEG')
        if folder.exists():
            continue
        damaged = []
        for path, wnid in track(items, description=f'Tiny-ImageNet {split}'):
            try:
                upright_size(path)
            except DamagedSourceError as error:
                damaged.append(str(error))
                continue
            written += folder.place(f'{wnid}/{path.name}', partial(_link_or_copy, path))
        if damaged:
            problems += damaged
        else:
            folder.finish()
    refuse_problems(
        f'{len(problems)} images of {source} are damaged',
        problems,
        'Unpack the archive again and repeat the command.',
    )
    return Report({split: len(items) for split, items in images.items()}, written)


def _read_annotations(path: Path) -> list[tuple[str, str]]:
    """Return file name and wnid of each row; the box that follows is not read."""
    rows = []
    for number, line in enumerate(read_text(path).split('\n'), start=1):
        cells = line.split()
        if len(cells) == 1:
            raise ValueError(f"{path}, line {number}: expected 'file wnid box', got {line!r}")
        if cells:
            rows.append((cells[0], cells[1]))
    return rows


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
