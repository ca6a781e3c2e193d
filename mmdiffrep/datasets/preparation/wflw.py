# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""WFLW as downloaded -> the json that mmpose's ``WFLWDataset`` reads, with the six attributes.

The images stay where they are. A json has, beyond what mmpose's own has, the ``attributes`` of
every face, by which ``mmdiffrep.SubsetNME`` reports the six test subsets in one run.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from mmdiffrep.utils.atomic_file import write_atomically

NUM_KEYPOINTS = 98
SPLITS = ('train', 'test')
# In the order of the columns.
ATTRIBUTES = ('largepose', 'expression', 'illumination', 'makeup', 'occlusion', 'blur')
NUM_COLUMNS = 2 * NUM_KEYPOINTS + 4 + len(ATTRIBUTES) + 1
PIXEL_STD = 200.0

WHERE_TO_GET = """\
WFLW comes from its authors: https://wywu.github.io/projects/LAB/WFLW.html links to
WFLW_images.tar.gz and WFLW_annotations.tar.gz. Unpack both into one folder."""


@dataclass(frozen=True)
class WFLWSource:
    """The folder that both archives were unpacked into.

    Attributes:
        root: It has ``WFLW_images`` and ``WFLW_annotations``.
    """

    root: Path

    @property
    def images(self) -> Path:
        """Folder of ``<event>/<name>.jpg``."""
        return self.root / 'WFLW_images'

    def list_file(self, split: str) -> Path:
        """Return the list of a split that has the attributes."""
        folder = self.root / 'WFLW_annotations' / 'list_98pt_rect_attr_train_test'
        return folder / f'list_98pt_rect_attr_{split}.txt'

    def check(self) -> None:
        """Raise FileNotFoundError that lists everything missing and says where to get it."""
        needed = (self.images, *(self.list_file(split) for split in SPLITS))
        missing = [str(path) for path in needed if not path.exists()]
        if missing:
            raise FileNotFoundError(
                'WFLW: not found:\n  ' + '\n  '.join(missing) + '\n' + WHERE_TO_GET
            )


class Report(NamedTuple):
    """What there is: faces in each split and in each test subset, and the files just written."""

    faces: dict[str, int]
    subsets: dict[str, int]
    written: list[str]


def prepare_wflw(source: WFLWSource, target: Path | None = None) -> Report:
    """Write ``annotations/face_landmarks_wflw_{train,test}.json``.

    Every image is opened and decoded, for its size and to find damaged files now. May be stopped
    at any moment and started again: a json appears whole or not at all, and a split whose json has
    all the annotations of its list is skipped.

    Args:
        source: The unpacked download.
        target: Folder to write to. Default None: the folder of the download.

    Returns:
        The counts.

    Raises:
        FileNotFoundError: If a part of the download is missing; says where to get it.
        ValueError: If a line has another form, or an image is missing or damaged.
    """
    source.check()
    annotations = {split: read_list(source.list_file(split)) for split in SPLITS}
    written = []
    for split, faces in annotations.items():
        path = (target or source.root) / 'annotations' / f'face_landmarks_wflw_{split}.json'
        if _is_complete(path, faces):
            continue
        content = dict(
            images=_describe_images(source, faces, split),
            annotations=[{k: v for k, v in face.items() if k != 'file_name'} for face in faces],
            categories=[dict(id=1, name='face', supercategory='person', keypoints=[], skeleton=[])],
        )
        write_atomically(json.dumps(content).encode(), path)
        written.append(str(path))
    return Report(
        faces={split: len(faces) for split, faces in annotations.items()},
        subsets={
            name: sum(face['attributes'][name] for face in annotations['test'])
            for name in ATTRIBUTES
        },
        written=written,
    )


def read_list(path: Path) -> list[dict[str, Any]]:
    """Read the faces of a list as annotations, each with the ``file_name`` of its image.

    A line has 98 points as x and y, the face detector's rectangle as x1, y1, x2, y2, six
    attributes (0 or 1), and the image's name inside ``WFLW_images``.

    Raises:
        ValueError: For an empty list or a line of another form.
    """
    faces: list[dict[str, Any]] = []
    image_ids: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1):
        if not line.strip():
            continue
        try:
            face = parse_face(line.split())
        except ValueError as error:
            raise ValueError(f'{path}, line {number}: {error}') from None
        face['id'] = len(faces)
        face['image_id'] = image_ids.setdefault(face['file_name'], len(image_ids))
        faces.append(face)
    if not faces:
        raise ValueError(f'{path} is empty.')
    return faces


def parse_face(columns: list[str]) -> dict[str, Any]:
    """Turn the columns of a line into an annotation.

    Center and scale are those of the json files that mmpose offers for download: of the points'
    bounding box, rounded outwards to whole pixels; the scale is its longer side / 200.
    """
    if len(columns) != NUM_COLUMNS:
        raise ValueError(
            f'expected {NUM_COLUMNS} columns (196 coordinates, 4 of the rectangle, 6 attributes, '
            f"the image's name), got {len(columns)}"
        )
    *numbers, file_name = columns
    flags = numbers[-len(ATTRIBUTES) :]
    if not set(flags) <= {'0', '1'}:
        raise ValueError(f'expected six attributes of 0 or 1, got {" ".join(flags)}')
    values = np.array([float(number) for number in numbers[: -len(ATTRIBUTES)]])
    points, (x1, y1, x2, y2) = values[:-4].reshape(NUM_KEYPOINTS, 2), values[-4:]
    low, high = np.floor(points.min(0)), np.ceil(points.max(0))
    return dict(
        file_name=file_name,
        keypoints=np.column_stack((points, np.ones(NUM_KEYPOINTS))).flatten().tolist(),
        num_keypoints=NUM_KEYPOINTS,
        bbox=[x1, y1, x2 - x1, y2 - y1],
        area=(x2 - x1) * (y2 - y1),
        center=((low + high) / 2).tolist(),
        scale=(high - low).max() / PIXEL_STD,
        attributes={name: int(flag) for name, flag in zip(ATTRIBUTES, flags)},
        category_id=1,
        iscrowd=0,
    )


def _is_complete(path: Path, faces: list[dict[str, Any]]) -> bool:
    if not path.is_file():
        return False
    expected = [{k: v for k, v in face.items() if k != 'file_name'} for face in faces]
    return json.loads(path.read_text(encoding='utf-8'))['annotations'] == expected


def _describe_images(
    source: WFLWSource, faces: list[dict[str, Any]], split: str
) -> list[dict[str, Any]]:
    """Return id, name and size of every image of a list, in the order of the ids."""
    names = list(dict.fromkeys(face['file_name'] for face in faces))
    columns = ('{task.description}', BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    executor = ThreadPoolExecutor()
    try:
        outcomes = executor.map(_decode, (source.images / name for name in names))
        with Progress(*columns) as progress:
            found = list(progress.track(outcomes, total=len(names), description=split))
    finally:
        executor.shutdown(cancel_futures=True)
    problems = [problem for _, problem in found if problem]
    if problems:
        raise ValueError(
            f'WFLW: {len(problems)} of {len(names)} images of the {split} list are missing or '
            'damaged:\n  ' + '\n  '.join(problems[:20]) + '\nUnpack WFLW_images.tar.gz again and '
            'repeat the command.\n' + WHERE_TO_GET
        )
    return [
        dict(id=index, file_name=name, width=size[0], height=size[1])
        for index, (name, (size, _)) in enumerate(zip(names, found))
    ]


def _decode(path: Path) -> tuple[tuple[int, int], str]:
    """Return an image's (width, height), or what is wrong with it."""
    # Pillow raises SyntaxError for some broken headers.
    try:
        with Image.open(path) as image:
            size = image.size
            image.draft('RGB', (1, 1))  # an eighth of the size: quicker
            image.load()
    except (OSError, SyntaxError, ValueError) as error:
        return (0, 0), f'{path}: {error}'
    return size, ''
