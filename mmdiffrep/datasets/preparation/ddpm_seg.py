# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The archive of DDPM-Seg's data sets -> square images and label maps of one size, and lists.

The archive has ``<data set>/real/{train,test}`` with images and ``.npy`` masks of the same names.
``DDPMSegDataset`` reads what is written here.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image
from rich.progress import track

from mmdiffrep.datasets.ddpm_seg_classes import DDPM_SEG_PROTOCOLS
from mmdiffrep.datasets.preparation.complete_folder import CompleteFolder
from mmdiffrep.datasets.preparation.source_files import (
    DamagedSourceError,
    read_image,
    refuse_problems,
)
from mmdiffrep.utils.checks import integer
from mmdiffrep.utils.text_file import listable

IGNORED = 255
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png')
WHERE_TO_GET = (
    'The data sets are in datasets.tar.gz (47 MB), which the README of '
    'https://github.com/yandex-research/ddpm-segmentation links to. Unpack it and give the folder '
    'that has bedroom_28, ffhq_34, ... in it.'
)


class Item(NamedTuple):
    """One labeled image: its name in our lists, and its files."""

    name: str
    image: Path
    mask: Path


def prepare_ddpm_seg(source: Path, target: Path, size: int = 256) -> dict[str, tuple[int, int]]:
    """Write every data set of the archive; complete data sets are skipped.

    Images are read as mmcv reads them: upright by their EXIF orientation, 8 bits. A data set gets
    its folder only when it is complete, so that the preparation may be stopped at any moment and
    started again.

    Args:
        source: The unpacked archive.
        target: Folder to write to; made if it does not exist.
        size: Side of images and masks in pixels. Default 256, the size of the diffusion
            models; images are resized bilinearly and masks by nearest neighbor (official).

    Returns:
        Number of training and test images of each data set.

    Raises:
        FileNotFoundError: There is no data set in the folder.
        ValueError: Files that are damaged or do not fit: images that are not square, masks that are
            missing or have a label out of range, names that a list cannot hold. The problems of all
            data sets are listed, after the others are written.
        OSError: The disk is full.
    """
    integer('size', size, 32)
    found = [name for name in DDPM_SEG_PROTOCOLS if (source / name / 'real').is_dir()]
    if not found:
        raise FileNotFoundError(
            f'{source} has none of {", ".join(f"{name}/real" for name in DDPM_SEG_PROTOCOLS)}. '
            + WHERE_TO_GET
        )
    counts, problems = {}, []
    for name in found:
        try:
            counts[name] = _prepare_one(name, source / name / 'real', target, size)
        except ValueError as error:
            problems.append(str(error))
    refuse_problems(
        f'{len(problems)} of {len(found)} data sets could not be prepared',
        problems,
        'Unpack these files again and repeat the command; complete data sets are skipped.',
    )
    return counts


def _prepare_one(category: str, source: Path, target: Path, size: int) -> tuple[int, int]:
    items = {split: _list_items(source / split, split) for split in ('train', 'test')}
    everything = [*items['train'], *items['test']]
    problems = _wrong_names(everything)
    folder = CompleteFolder(target / category, 2 * len(everything), '*/*.png')
    if not folder.exists():
        for item in track(everything, description=category):
            try:
                image, mask = _read_square(item.image), _read_mask(item.mask, category)
            except ValueError as error:
                problems.append(str(error))
                continue
            image = image.resize((size, size), Image.Resampling.BILINEAR)
            mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST)
            if not problems:
                _place(folder, f'images/{item.name}.png', image)
                _place(folder, f'masks/{item.name}.png', Image.fromarray(mask))
        refuse_problems(
            f'{category}: {len(problems)} of {len(everything)} labeled images cannot be used',
            problems,
            '',
        )
        for split, listed in items.items():
            lines = ''.join(f'{item.name}\n' for item in listed)
            folder.place(f'{split}.txt', lambda path, lines=lines: path.write_bytes(lines.encode()))
        folder.finish()
    return len(items['train']), len(items['test'])


def _list_items(folder: Path, split: str) -> list[Item]:
    """List the images below a folder by their paths, which is the published order."""
    images = sorted(
        (path for path in folder.rglob('*') if path.suffix.lower() in IMAGE_SUFFIXES), key=str
    )
    return [
        Item('_'.join([split, *path.relative_to(folder).with_suffix('').parts]), path,
             path.with_suffix('.npy'))
        for path in images
    ]  # fmt: skip


def _place(folder: CompleteFolder, name: str, image: Image.Image) -> None:
    folder.place(name, lambda path: image.save(path, format='PNG'))


def _wrong_names(items: list[Item]) -> list[str]:
    """Describe the images whose names a list cannot hold, or that share a name."""
    counts = Counter(item.name for item in items)
    problems = [
        f'{str(item.image)!r} has a name with a line break or blanks at its ends: rename it'
        for item in items
        if not listable(item.name)
    ]
    return problems + [
        f'{count} images would be named {name}: '
        + ', '.join(str(item.image) for item in items if item.name == name)
        for name, count in counts.items()
        if count > 1
    ]


def _read_square(path: Path) -> Image.Image:
    image = read_image(path)
    if image.width != image.height:
        raise DamagedSourceError(
            f'{path} has {image.width} x {image.height} pixels; crop image and mask to a square'
        )
    return image


def _read_mask(path: Path, category: str) -> np.ndarray:
    """Read a mask with our labels, uint8."""
    if not path.is_file():
        raise ValueError(f'{path} does not exist, but its image does')
    try:
        raw = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError) as error:
        raise DamagedSourceError(f'{path}: {error}') from error
    if raw.dtype.kind not in 'biuf':
        raise DamagedSourceError(f'{path} has values of type {raw.dtype}, expected labels')
    if raw.ndim != 2 or raw.shape[0] != raw.shape[1] or not raw.size:
        raise ValueError(f'{path} has shape {raw.shape}, expected a square mask (side, side)')
    protocol = DDPM_SEG_PROTOCOLS[category]
    labels = np.unique(raw)
    highest = len(protocol.classes) - (protocol.unlabeled is None)
    wrong = [label for label in labels.tolist()
             if label != IGNORED and label not in range(highest + 1)]  # fmt: skip
    if wrong:
        raise ValueError(f'{path} has labels {wrong[:5]}, expected 0 to {highest} or {IGNORED}')
    mask = raw.astype(np.uint8)
    if protocol.unlabeled is None:
        return mask
    # Labels above the one that is left out move down; it, and 255, become 255.
    kept = (mask != protocol.unlabeled) & (mask != IGNORED)
    return np.where(kept, mask - (mask > protocol.unlabeled), IGNORED).astype(np.uint8)
