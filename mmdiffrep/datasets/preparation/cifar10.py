# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 as published -> a subset of PNG files in ``{train,test}/<class>``."""

import hashlib
import pickle
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from rich.progress import track

from mmdiffrep.datasets.preparation.complete_folder import CompleteFolder
from mmdiffrep.datasets.preparation.source_files import check_present
from mmdiffrep.utils.checks import integer, within

CLASSES = (
    *('airplane', 'automobile', 'bird', 'cat', 'deer'),
    *('dog', 'frog', 'horse', 'ship', 'truck'),
)
PER_CLASS: dict[str, int] = {'train': 5000, 'test': 1000}
# md5 of the published files: they are pickles, and others could run code.
FILES: dict[str, dict[str, str]] = {
    'train': {
        'data_batch_1': 'c99cafc152244af753f735de768cd75f',
        'data_batch_2': 'd4bba439e000b95fd0a9bffe97cbabec',
        'data_batch_3': '54ebc095f3ab1f0389bbae665268c751',
        'data_batch_4': '634d18415352ddfa80567beed471001a',
        'data_batch_5': '482c414d41f54cd18b22e5b47cb7c3cb',
    },
    'test': {'test_batch': '40351d587109b95175f43aff81a1287e'},
}

WHERE_TO_GET = """\
CIFAR-10 comes from https://www.cs.toronto.edu/~kriz/cifar.html: "CIFAR-10 python version" (163 MB).
It unpacks to cifar-10-batches-py/ with data_batch_1 to 5 and test_batch."""


class Report(NamedTuple):
    """Counts of a finished preparation: images by split, and how many of them were new."""

    split: dict[str, int]
    written: int


def prepare_cifar10(source: Path, target: Path, train: int = 1000, test: int = 500) -> Report:
    """Write ``{train,test}/<class>/<number>.png``: the first images of each class.

    May be stopped at any moment and started again: what is there is skipped, and a split gets its
    name when it is complete.

    Args:
        source: Folder ``cifar-10-batches-py`` of the unpacked download.
        target: Folder to write to; made if it does not exist.
        train: Training images per class, 1 to 5000.
        test: Test images per class, 1 to 1000.

    Raises:
        FileNotFoundError: A file is missing; says where to get it.
        ValueError: A number out of range, a file that is not the published file, or ``target`` has
            a split of another size.
    """
    wanted = dict(train=train, test=test)
    for split, count in wanted.items():
        within(f'{split} images per class', integer(split, count), 1, PER_CLASS[split])
    needed = [source / name for files in FILES.values() for name in files]
    check_present('CIFAR-10', needed, WHERE_TO_GET)
    written = 0
    for split, files in FILES.items():
        folder = CompleteFolder(target / split, wanted[split] * len(CLASSES), '*/*.png')
        if folder.exists():
            continue
        seen: Counter = Counter()
        for name, md5 in track(files.items(), description=f'CIFAR-10 {split}'):
            batch = _read_batch(source / name, md5)
            for pixels, label in zip(batch['data'], batch['labels']):
                number = seen[label]
                seen[label] += 1
                if number < wanted[split]:
                    image = Image.fromarray(pixels.reshape(3, 32, 32).transpose(1, 2, 0))
                    save = partial(image.save, format='PNG')
                    written += folder.place(f'{CLASSES[label]}/{number:04d}.png', save)
        folder.finish()
    return Report({split: count * len(CLASSES) for split, count in wanted.items()}, written)


def _read_batch(path: Path, md5: str) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f'{path} is not a regular file')
    content = path.read_bytes()
    if hashlib.md5(content).hexdigest() != md5:
        raise ValueError(f'{path} is damaged, or not the published file.\n{WHERE_TO_GET}')
    return pickle.loads(content, encoding='latin1')
