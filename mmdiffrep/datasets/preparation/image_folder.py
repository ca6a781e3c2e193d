# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Look through a folder of photographs before anything is trained on it."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mmdiffrep.datasets.preparation.source_files import DamagedSourceError, opened
from mmdiffrep.utils.image_files import has_16_bits, refuse_32_bits
from mmdiffrep.utils.jpeg_damage import jpeg_complaint

SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff', '.ppm', '.gif')
_ALPHA = ('LA', 'La', 'PA', 'RGBA', 'RGBa')


class ImageFacts(NamedTuple):
    """What a complete image file holds.

    Attributes:
        mode: Pillow's, such as ``'RGB'`` or ``'L'``.
        size: Width and height in pixels.
        deep: Whether it has 16 bits per channel.
        alpha: Whether it has transparent pixels, or could have.
        frames: More than 1 for an animation, of which the first is read.
        complaint: What the decoder of a JPEG complained of, ``''`` if of nothing.
    """

    mode: str
    size: tuple[int, int]
    deep: bool
    alpha: bool
    frames: int
    complaint: str = ''


class FolderReport(NamedTuple):
    """What is in a folder.

    Attributes:
        folder: Where.
        images: Facts of every readable image by its name below the folder, in order of the names.
        bad: Why each of the others cannot be read, by name.
        others: Files that are not images by their suffix, counted by suffix.
        digest: Hash of the names and file sizes of all images, readable or not.
    """

    folder: Path
    images: dict[str, ImageFacts]
    bad: dict[str, str]
    others: Counter[str]
    digest: str

    def lines(self, size: int | None = None) -> list[str]:
        """Describe the folder in plain words.

        Args:
            size: Side of the images that a network will see; smaller ones are counted.
        """
        facts = list(self.images.values())
        lines = [f'{len(facts)} images in {self.folder}']
        if self.bad:
            lines[0] += f', and {len(self.bad)} files that cannot be read'
        if facts:
            widths, heights = (sorted(sides) for sides in zip(*(fact.size for fact in facts)))
            middle = len(facts) // 2
            lines.append(
                f'  sizes {widths[0]} to {widths[-1]} x {heights[0]} to {heights[-1]} px, median '
                f'{widths[middle]} x {heights[middle]}'
            )
            modes = Counter(fact.mode for fact in facts).most_common()
            lines.append('  modes ' + ', '.join(f'{mode} {count}' for mode, count in modes))
        small = sum(min(fact.size) < (size or 0) for fact in facts)
        notes = {
            f'smaller than {size} px: enlarged': small,
            'of 16 bits per channel: the upper 8 are read': sum(fact.deep for fact in facts),
            'with alpha: it is dropped': sum(fact.alpha for fact in facts),
            'animated: the first frame is read': sum(fact.frames > 1 for fact in facts),
        }
        lines += [f'  {count} {note}' for note, count in notes.items() if count]
        lines += [
            f'  {name} may be damaged inside: {fact.complaint}'
            for name, fact in self.images.items()
            if fact.complaint
        ]
        if self.others:
            kinds = ', '.join(f'{kind} {count}' for kind, count in self.others.most_common(5))
            lines.append(f'  {self.others.total()} other files are ignored ({kinds})')
        return lines

    def bad_lines(self) -> list[str]:
        """List the files that cannot be read, each with the reason."""
        return [f'{name}: {reason}' for name, reason in self.bad.items()]


def look_through(folder: str | Path) -> FolderReport:
    """Decode every image below a folder; nothing is kept of the pixels.

    JPEG files are decoded at an eighth of their size, which still reads them to their end.

    Args:
        folder: Looked through with all folders below it. Names that begin with a dot are ignored.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There is no image in it.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f'There is no folder {root}: give one that holds the images.')
    names, others = [], Counter()
    closed: list[OSError] = []
    for name in _names_below(root, closed.append):
        suffix = Path(name).suffix.lower()
        if suffix in SUFFIXES:
            names.append(name)
        else:
            others[suffix or 'no suffix'] += 1
    if not names:
        found = f' It holds {others.total()} other files.' if others else ''
        raise ValueError(
            f'There is no image in {root}: expected files that end in {", ".join(SUFFIXES)}.{found}'
        )
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding releases Python's lock
        results = list(pool.map(partial(_facts_or_reason, root), names))
    return FolderReport(
        folder=root,
        images={n: found for n, found in zip(names, results) if isinstance(found, ImageFacts)},
        bad={n: found for n, found in zip(names, results) if isinstance(found, str)}
        | {f'{os.path.relpath(e.filename, root)}/': f'{e.strerror}' for e in closed},
        others=others,
        digest=_digest(root, names),
    )


def read_facts(path: Path) -> ImageFacts:
    """Read one image to its end.

    Raises:
        DamagedSourceError: Not a complete image, or one that is not read; the message names it.
    """
    with opened(path, warn=False) as image:
        refuse_32_bits(image)
        raw = str(image.tile[0][3]) if image.tile else ''  # how the file stores its pixels
        facts = ImageFacts(
            mode=image.mode,
            size=image.size,
            deep=has_16_bits(image) or ';16' in raw,
            alpha=image.mode in _ALPHA or 'transparency' in image.info,
            frames=getattr(image, 'n_frames', 1),
            complaint=jpeg_complaint(path) if image.format in ('JPEG', 'MPO') else '',
        )
        image.draft('RGB', (1, 1))
        image.load()
        return facts


def _facts_or_reason(root: Path, name: str) -> ImageFacts | str:
    if '\n' in name or '\r' in name or name != name.strip():
        return 'its name cannot stand in a list of names: rename it'
    try:
        if (root / name).is_file() and not (root / name).stat().st_size:
            return 'an empty file'
        return read_facts(root / name)
    except DamagedSourceError as error:
        reason = str(error).removeprefix(f'{root / name}').lstrip(': ')
        if 'cannot identify image file' in reason:  # Pillow names its reader, not the file
            return 'not an image, damaged at its beginning, or of a format that is not read'
        return reason or 'it cannot be read'
    except OSError as error:
        return error.strerror or 'it cannot be read'


def _names_below(root: Path, onerror: Callable[[OSError], None]) -> Iterator[str]:
    """Yield the names of all files, relative and sorted within each folder.

    Args:
        root: The folder.
        onerror: Gets the error of each folder that cannot be listed.
    """
    seen = set()  # links may lead round in a circle
    for folder, folders, files in os.walk(root, onerror=onerror, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        # A folder with the name of an image is not an image, but was meant as one.
        named = [name for name in folders if Path(name).suffix.lower() in SUFFIXES]
        for name in sorted([*files, *named]):
            if not name.startswith('.'):
                yield (Path(folder) / name).relative_to(root).as_posix()


def _digest(root: Path, names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        try:
            size = (root / name).stat().st_size
        except OSError:
            size = -1
        digest.update(f'{name}\0{size}\0'.encode('utf-8', 'surrogateescape'))
    return digest.hexdigest()
