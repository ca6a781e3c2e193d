# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The archive of DDPM-Seg's data sets -> square images and label maps of one size, and lists.

The archive has ``<data set>/real/{train,test}`` with an image and an ``.npy`` mask of the same name
beside each other. ``DDPMSegDataset`` reads what is written here.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image
from rich.progress import track

from mmdiffrep.datasets.ddpm_seg_classes import DDPM_SEG_PROTOCOLS
from mmdiffrep.datasets.preparation.complete_folder import CompleteFolder

IGNORED = 255
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png')
WHERE_TO_GET = (
    'The data sets are in datasets.tar.gz (47 MB), which the README of '
    'https://github.com/yandex-research/ddpm-segmentation links to. Unpack it and give the folder '
    'that has bedroom_28, ffhq_34, ... in it.'
)


class Item(NamedTuple):
    """One labeled image: its name here, and where it is."""

    name: str
    image: Path
    mask: Path


def prepare_ddpm_seg(source: Path, target: Path, size: int = 256) -> dict[str, tuple[int, int]]:
    """Write every data set that the archive has; those that are complete already are skipped.

    A data set gets its folder only when it is complete, so that the preparation may be stopped at
    any moment and started again.

    Args:
        source: The unpacked archive.
        target: Folder to write to; made if it does not exist.
        size: Side of images and masks in pixels. Default 256, what the diffusion models take;
            images are resized bilinearly and masks by nearest neighbors, as officially.

    Returns:
        Number of training and test images of each data set.

    Raises:
        FileNotFoundError: There is no data set in the folder.
        ValueError: Files that are damaged or do not fit: images that are not square, masks that are
            missing or have a label out of range. All of a data set are named.
    """
    if size < 32:
        raise ValueError(f'size must be at least 32 pixels, got {size}')
    found = [name for name in DDPM_SEG_PROTOCOLS if (source / name / 'real').is_dir()]
    if not found:
        raise FileNotFoundError(
            f'{source} has none of {", ".join(f"{name}/real" for name in DDPM_SEG_PROTOCOLS)}. '
            + WHERE_TO_GET
        )
    return {name: _prepare_one(name, source / name / 'real', target, size) for name in found}


def _prepare_one(category: str, source: Path, target: Path, size: int) -> tuple[int, int]:
    items = {split: _list_items(source / split, split) for split in ('train', 'test')}
    everything = [*items['train'], *items['test']]
    problems: list[str] = []
    folder = CompleteFolder(target / category, 2 * len(everything), '*/*.png')
    if not folder.exists():
        for item in track(everything, description=category):
            try:
                image, mask = _read_image(item.image), _read_mask(item.mask, category)
            except ValueError as error:
                problems.append(str(error))
                continue
            image = image.resize((size, size), Image.Resampling.BILINEAR)
            mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST)
            _place(folder, f'images/{item.name}.png', image)
            _place(folder, f'masks/{item.name}.png', Image.fromarray(mask))
        if problems:
            raise ValueError(
                f'{category}: {len(problems)} of {len(everything)} labeled images cannot be '
                'used:\n  ' + '\n  '.join(problems[:20])
            )
        for split, listed in items.items():
            lines = ''.join(f'{item.name}\n' for item in listed)
            folder.place(f'{split}.txt', lambda path, lines=lines: path.write_text(lines))
        folder.finish()
    return len(items['train']), len(items['test'])


def _list_items(folder: Path, split: str) -> list[Item]:
    """Images below a folder in the order of their paths, which is the published order."""
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


def _read_image(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            image = opened.convert('RGB')
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for some broken PNG chunks
        raise ValueError(f'{path}: {error}') from error
    if image.width != image.height:
        raise ValueError(
            f'{path} has {image.width} x {image.height} pixels; crop image and mask to a square'
        )
    return image


def _read_mask(path: Path, category: str) -> np.ndarray:
    """Read a mask with our labels, uint8."""
    if not path.is_file():
        raise ValueError(f'{path} does not exist, but its image does')
    try:
        raw = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f'{path}: {error}') from error
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
