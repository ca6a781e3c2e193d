# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""WFLW as downloaded -> the json that mmpose's ``WFLWDataset`` reads, with the six attributes.

The images stay where they are. A json has, in addition to mmpose's own keys, the ``attributes`` of
every face, by which ``mmdiffrep.SubsetNME`` reports the six test subsets in one run.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from mmdiffrep.datasets.landmark_table import refuse_sentinels
from mmdiffrep.datasets.preparation.complete_folder import place_file
from mmdiffrep.datasets.preparation.source_files import (
    DamagedSourceError,
    check_present,
    refuse_problems,
    upright_size,
)
from mmdiffrep.utils.text_file import read_text

NUM_KEYPOINTS = 98
SPLITS = ('train', 'test')
# In the order of the columns.
ATTRIBUTES = ('largepose', 'expression', 'illumination', 'makeup', 'occlusion', 'blur')
NUM_COLUMNS = 2 * NUM_KEYPOINTS + 4 + len(ATTRIBUTES) + 1
PIXEL_STD = 200.0
FAR = 0.5  # image sides that a point may lie outside its image

WHERE_TO_GET = """\
WFLW comes from its authors: https://wywu.github.io/projects/LAB/WFLW.html links to
WFLW_images.tar.gz and WFLW_annotations.tar.gz. Unpack both into one folder."""


@dataclass(frozen=True)
class WFLWSource:
    """The folder of both unpacked archives.

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
        check_present('WFLW', needed, WHERE_TO_GET)


class Report(NamedTuple):
    """Faces in each split and in each test subset, and the files just written."""

    faces: dict[str, int]
    subsets: dict[str, int]
    written: list[str]


def prepare_wflw(source: WFLWSource, target: Path | None = None) -> Report:
    """Write ``annotations/face_landmarks_wflw_{train,test}.json``.

    Every image is decoded, for its size and to find damaged files now. May be stopped at any moment
    and started again: a json appears complete or not at all, and a split whose json has all the
    annotations of its list is skipped; any other json is replaced.

    Args:
        source: The unpacked download.
        target: Folder to write to. Default None: the folder of the download.

    Returns:
        The counts.

    Raises:
        FileNotFoundError: If a part of the download is missing; says where to get it.
        ValueError: If a line has another form or no usable face, or an image is missing or damaged.
            All lines and images are named; a split without a problem is written first.
        OSError: If the disk is full.
    """
    source.check()
    annotations, problems, written = {}, [], []
    for split in SPLITS:
        try:
            annotations[split] = read_list(source.list_file(split))
        except DamagedSourceError as error:
            problems.append(str(error))
    for split, faces in annotations.items():
        path = (target or source.root) / 'annotations' / f'face_landmarks_wflw_{split}.json'
        if _is_complete(path, faces):
            continue
        try:
            images = _describe_images(source, faces, split)
        except DamagedSourceError as error:
            problems.append(str(error))
            continue
        content = dict(
            images=images,
            annotations=_without_files(faces),
            categories=[dict(id=1, name='face', supercategory='person', keypoints=[], skeleton=[])],
        )
        text = json.dumps(content, allow_nan=False)
        place_file(path, lambda temporary, text=text: temporary.write_text(text))
        written.append(str(path))
    refuse_problems('WFLW cannot be used as it is', problems, WHERE_TO_GET)
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
        DamagedSourceError: For an empty list, or lines of another form, which are all named.
    """
    faces: list[dict[str, Any]] = []
    problems: list[str] = []
    image_ids: dict[str, int] = {}
    for number, line in enumerate(read_text(path).split('\n'), start=1):
        if not line.strip():
            continue
        try:
            face = parse_face(line.split())
        except ValueError as error:
            problems.append(f'{path}, line {number}: {error}')
            continue
        face['id'] = len(faces)
        face['image_id'] = image_ids.setdefault(face['file_name'], len(image_ids))
        faces.append(face)
    refuse_problems(f'{path} has {len(problems)} lines that are not faces', problems, '')
    if not faces:
        raise DamagedSourceError(f'{path} is empty.')
    return faces


def parse_face(columns: list[str]) -> dict[str, Any]:
    """Turn the columns of a line into an annotation.

    Center and scale equal the json files that mmpose offers for download: they belong to the
    points' bounding box, rounded outwards to whole pixels; the scale is its longer side / 200.

    Raises:
        ValueError: Another number of columns, numbers that are not finite, an inverted rectangle,
            a point that stands for "missing", or all points at one place.
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
    try:
        values = np.array([float(number) for number in numbers[: -len(ATTRIBUTES)]])
    except ValueError as error:
        raise ValueError(f'expected numbers, got {str(error).rpartition(": ")[2]}') from None
    points, (x1, y1, x2, y2) = values[:-4].reshape(NUM_KEYPOINTS, 2), values[-4:]
    if not np.isfinite(values).all():
        raise ValueError('a coordinate is not finite')
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f'the rectangle {x1:g} {y1:g} {x2:g} {y2:g} is not x1 < x2 and y1 < y2')
    if (points == points[0]).all():
        raise ValueError(f'all points are ({points[0, 0]:g}, {points[0, 1]:g})')
    refuse_sentinels(points, 'leave the face out')
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
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except ValueError:  # not json, or not text
        return False
    return isinstance(content, dict) and content.get('annotations') == _without_files(faces)


def _without_files(faces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in face.items() if key != 'file_name'} for face in faces]


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
    refuse_problems(
        f'WFLW: {len(problems)} of {len(names)} images of the {split} list are missing or damaged',
        problems,
        'Unpack WFLW_images.tar.gz again and repeat the command.',
    )
    sizes = {name: size for name, (size, _) in zip(names, found)}
    far = [face for face in faces if _is_far_outside(face, sizes[face['file_name']])]
    refuse_problems(
        f'WFLW: {len(far)} faces of the {split} list have points far outside their images',
        [f'{source.list_file(split)}: {face["file_name"]} (face {face["id"]})' for face in far],
        'Unpack WFLW_annotations.tar.gz again and repeat the command.',
    )
    return [
        dict(id=index, file_name=name, width=size[0], height=size[1])
        for index, (name, (size, _)) in enumerate(zip(names, found))
    ]


def _is_far_outside(face: dict[str, Any], size: tuple[int, int]) -> bool:
    points = np.array(face['keypoints']).reshape(-1, 3)[:, :2]
    margin = FAR * np.array(size)
    return bool(((points < -margin) | (points > size + margin)).any())


def _decode(path: Path) -> tuple[tuple[int, int], str]:
    """Return an image's (width, height), or what is wrong with it."""
    try:
        return upright_size(path), ''
    except DamagedSourceError as error:
        return (0, 0), str(error)
