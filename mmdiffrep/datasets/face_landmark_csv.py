# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Faces with landmarks from a folder of images and one csv file, as an mmpose dataset."""

import csv
import os.path as osp
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from mmdiffrep.registry import DATASETS

EXAMPLE = 'file,x0,y0,x1,y1,...'


@DATASETS.register_module()
class FaceLandmarkCsvDataset(BaseCocoStyleDataset):
    """One face per image, and its points in one row of a csv file.

    The layout, and the first lines of ``train.csv``::

        data_root
        ├── images/NAME.jpg      RGB, any size
        ├── train.csv            file,x0,y0,x1,y1,...,x67,y67
        └── test.csv             NAME.jpg,31.5,60.2,32.0,67.9,...

    Coordinates are pixels of the image file. The face's box is that of its points. Which points
    are mirrored into which comes with the definition of the points, from mmpose.

    Args:
        ann_file: The csv, relative to ``data_root``.
        data_root: Folder of the layout above. Default ``''``.
        data_prefix: Folder of the images, relative to ``data_root``. Default
            ``dict(img='images')``.
        metainfo: Definition of the points in mmpose's form. Default None: the 68 points of 300-W.
            ``dict(from_file='configs/_base_/datasets/wflw.py')`` is that of WFLW's 98 points;
            mmpose has more.
        indices: Use only these rows, or only the first so many (the last, if negative): few
            labeled images.
        pipeline: Transforms; mmpose's ``LoadImage`` first.
        test_mode: As in mmengine's ``BaseDataset``.
        lazy_init: As in mmengine's ``BaseDataset``.
        serialize_data: As in mmengine's ``BaseDataset``.

    Raises:
        FileNotFoundError: If the csv, the image folder or a listed image is missing.
        ValueError: If the csv has another form, or not the number of points of ``metainfo``.
    """

    METAINFO: ClassVar[dict[str, Any]] = dict(from_file='configs/_base_/datasets/300w.py')

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: dict[str, str] | None = None,
        metainfo: dict[str, Any] | None = None,
        indices: int | Sequence[int] | None = None,
        pipeline: Sequence[dict | object] = (),
        test_mode: bool = False,
        lazy_init: bool = False,
        serialize_data: bool = True,
    ) -> None:
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=data_prefix or dict(img='images'),
            metainfo=metainfo,
            indices=indices,
            pipeline=list(pipeline),
            test_mode=test_mode,
            lazy_init=lazy_init,
            serialize_data=serialize_data,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the csv, after checking that it and all its images are there."""
        folder = self.data_prefix['img']
        missing = [path for path in (self.ann_file, folder) if not osp.exists(path)]
        if missing:
            raise FileNotFoundError(
                f'FaceLandmarkCsvDataset: {" and ".join(missing)} not found: set data_root, for '
                'instance with --cfg-options train_dataloader.dataset.data_root=DIR; '
                'docs/data_preparation.md shows the layout'
            )
        names, points = read_landmarks(self.ann_file)
        expected = self.metainfo['num_keypoints']
        if points.shape[1] != expected:
            raise ValueError(
                f'{self.ann_file} has {points.shape[1]} points, but the definition '
                f'{self.metainfo["dataset_name"]!r} has {expected}: give '
                "metainfo=dict(from_file='configs/_base_/datasets/wflw.py'), or whichever of "
                "mmpose's definitions fits"
            )
        absent = [name for name in names if not osp.isfile(osp.join(folder, name))]
        if absent:
            raise FileNotFoundError(
                f'{self.ann_file}: {len(absent)} of {len(names)} images are not in {folder}, the '
                f'first: {absent[:3]}'
            )
        return [
            self._face(index, osp.join(folder, name), keypoints)
            for index, (name, keypoints) in enumerate(zip(names, points))
        ]

    @staticmethod
    def _face(index: int, path: str, keypoints: np.ndarray) -> dict[str, Any]:
        return dict(
            id=index,
            img_id=index,
            img_path=path,
            category_id=1,
            iscrowd=0,
            bbox=np.concatenate((keypoints.min(0), keypoints.max(0)))[None],
            bbox_score=np.ones(1, np.float32),
            keypoints=keypoints[None],
            keypoints_visible=np.ones((1, len(keypoints)), np.float32),
            num_keypoints=len(keypoints),
        )


def read_landmarks(path: str) -> tuple[list[str], np.ndarray]:
    """Read a csv of landmarks.

    Args:
        path: A file with the header ``file,x0,y0,x1,y1,...`` and one row per image.

    Returns:
        The N file names, and the points (N, K, 2) as float32 x and y.

    Raises:
        ValueError: If there is no row, the header is another, or a row has a cell too few, too
            many or without a number.
    """
    with open(path, newline='', encoding='utf-8') as file:
        header, *rows = list(csv.reader(file)) or [[]]
    num_points = (len(header) - 1) // 2
    if not num_points or header != [
        'file',
        *(f'{axis}{i}' for i in range(num_points) for axis in 'xy'),
    ]:
        raise ValueError(f'{path}: expected the header {EXAMPLE!r}, got {",".join(header)[:60]!r}')
    if not rows:
        raise ValueError(f'{path} has no row below its header')
    points = np.empty((len(rows), 2 * num_points), np.float32)
    for number, row in enumerate(rows):
        try:
            if len(row) != len(header):
                raise ValueError(f'got {len(row)} cells')
            points[number] = row[1:]
        except ValueError as error:
            raise ValueError(
                f'{path}, line {number + 2}: expected a file name and {2 * num_points} numbers '
                f'({error})'
            ) from None
    if not np.isfinite(points).all():
        line = int(np.argmin(np.isfinite(points).all(1))) + 2
        raise ValueError(f'{path}, line {line}: a coordinate is not finite')
    return [row[0] for row in rows], points.reshape(len(rows), num_points, 2)
