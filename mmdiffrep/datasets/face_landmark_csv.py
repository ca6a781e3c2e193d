# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Faces with landmarks from a folder of images and one csv file, as an mmpose dataset."""

import os.path as osp
from typing import Any, ClassVar

import numpy as np
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from mmdiffrep.datasets.landmark_table import LandmarkTable
from mmdiffrep.datasets.names_damaged_files import NamesDamagedFiles
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.existing_files import require_files


@DATASETS.register_module()
class FaceLandmarkCsvDataset(NamesDamagedFiles, BaseCocoStyleDataset):
    """One face per image, and its points in one row of a csv file.

    The layout, and the first lines of ``train.csv``::

        data_root
        ├── images/NAME.jpg      RGB, any size
        ├── train.csv            file,x0,y0,x1,y1,...,x67,y67
        └── test.csv             NAME.jpg,31.5,60.2,32.0,67.9,...

    Coordinates are pixels of the upright image, from 0 at the center of its top left pixel. A
    missing landmark has two blank cells, or ``nan`` in both: its visibility is 0, and it counts
    neither in the loss nor in the metrics nor in the face's box, which is the box of the other
    points. Values that other tools write for "missing" are refused: (0, 0), and negative numbers
    that are equal, such as (-1, -1). Points far outside the image, relative coordinates (0..1) and
    faces of a single place are refused too. The mirrored pairs of points come from mmpose's
    definition.

    Args:
        ann_file: The csv, relative to ``data_root``.
        data_root: Folder of the layout above. Default ``''``.
        data_prefix: Folder of the images, relative to ``data_root``. Default
            ``dict(img='images')``.
        **kwargs: Further arguments of mmpose's ``BaseCocoStyleDataset``; unknown ones are refused
            there. ``metainfo`` defines the points, by default the 68 of 300-W;
            ``dict(from_file='configs/_base_/datasets/wflw.py')`` has WFLW's 98, and mmpose has
            more. ``pipeline`` begins with mmpose's ``LoadImage``. ``indices`` chooses rows, or the
            first ones (the last, if negative): few labeled images.

    Raises:
        FileNotFoundError: If the csv, the image folder or a listed image is missing.
        ValueError: If the csv has another form, a row without a usable face, or not the number of
            points of ``metainfo``. Names file and line.
    """

    METAINFO: ClassVar[dict[str, Any]] = dict(from_file='configs/_base_/datasets/300w.py')

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        data_prefix: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=data_prefix or dict(img='images'),
            **kwargs,
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
        table = LandmarkTable.read(self.ann_file)
        expected = self.metainfo['num_keypoints']
        if table.points.shape[1] != expected:
            raise ValueError(
                f'{self.ann_file} has {table.points.shape[1]} points, but the definition '
                f'{self.metainfo["dataset_name"]!r} has {expected}: give '
                "metainfo=dict(from_file='configs/_base_/datasets/wflw.py'), or whichever of "
                "mmpose's definitions fits"
            )
        require_files((osp.join(folder, name) for name in table.names), self.ann_file)
        table.check_against_images(folder)
        return [
            dict(
                id=index,
                img_id=index,
                img_path=osp.join(folder, name),
                category_id=1,
                iscrowd=0,
                bbox=np.concatenate((points[seen].min(0), points[seen].max(0)))[None],
                bbox_score=np.ones(1, np.float32),
                keypoints=np.where(seen[:, None], points, 0)[None],
                keypoints_visible=seen[None].astype(np.float32),
                num_keypoints=int(seen.sum()),
            )
            for index, (name, points, seen) in enumerate(
                zip(table.names, table.points, table.visible)
            )
        ]
