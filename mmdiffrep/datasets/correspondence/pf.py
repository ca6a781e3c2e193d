# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""PF-PASCAL and PF-WILLOW (Ham et al., 2017) in the layouts that matching papers use."""

import csv
import os.path as osp
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mmdiffrep.datasets.correspondence.pair import ImagePair, PairDataset
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.existing_files import require_file
from mmdiffrep.utils.image_files import read_rgb

PASCAL_CLASSES = (
    'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike '
    'person pottedplant sheep sofa train tvmonitor'
).split()


class _PairList(PairDataset):
    """Pairs that are listed in a csv file."""

    def __init__(
        self, data_root: str, ann_file: str = 'test_pairs.csv', indices: int | None = None
    ) -> None:
        super().__init__(
            data_root=data_root, ann_file=ann_file, indices=indices, serialize_data=False
        )

    def require_files(self, paths: Iterable[str]) -> None:
        """Check that files below ``data_root`` are there.

        Raises:
            FileNotFoundError: Some are not; says how many and names the first.
        """
        paths = sorted({osp.join(self.data_root, path) for path in paths})
        missing = [path for path in paths if not osp.isfile(path)]
        if missing:
            raise FileNotFoundError(
                f'{type(self).__name__}: {len(missing)} of {len(paths)} files are missing: '
                f'{missing[0]}, ...'
            )


@DATASETS.register_module()
class PFPascal(_PairList):
    """Pairs of PASCAL VOC photographs of 20 categories.

    The layout::

        data_root
        ├── JPEGImages/<image>.jpg
        ├── Annotations/<category>/<image>.mat       ``kps`` (N, 2) with NaN, ``bbox``
        └── test_pairs.csv                           ``source_image,target_image,class``, ...

    Keypoints that are NaN in either image are left out. Image names in the csv may carry a folder
    (``PF-dataset-PASCAL/JPEGImages/``); only the file name counts.

    Args:
        data_root: The folder.
        ann_file: The list of pairs. Default ``'test_pairs.csv'``.
        indices: Read only the first pairs, this many. Default None: all.

    Raises:
        FileNotFoundError: The list, an image or an annotation is not there.
        ValueError: A row or an annotation of another form; the message names the file.
    """

    METAINFO: ClassVar[dict[str, Any]] = dict(dataset_type='pf_pascal')

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the list of pairs."""
        rows = _read_csv(self.ann_file, ('source_image', 'target_image', 'class'))
        pairs = []
        for number, row in enumerate(rows, start=2):
            if not row['class'].isdigit() or not 1 <= int(row['class']) <= len(PASCAL_CLASSES):
                raise ValueError(
                    f'{self.ann_file}, line {number}: class must be 1 to {len(PASCAL_CLASSES)}, '
                    f'got {row["class"]!r}.'
                )
            pairs.append(
                dict(
                    source=osp.basename(row['source_image']),
                    target=osp.basename(row['target_image']),
                    category=PASCAL_CLASSES[int(row['class']) - 1],
                )
            )
        images = [(pair[side], pair['category']) for pair in pairs for side in ('source', 'target')]
        self.require_files(osp.join('JPEGImages', image) for image, _ in images)
        self.require_files(_annotation_file(image, category) for image, category in images)
        return pairs

    def pair(self, info: dict[str, Any]) -> ImagePair:
        """Read the images and their annotations."""
        source_points, _ = self._annotation(info['source'], info['category'])
        target_points, box = self._annotation(info['target'], info['category'])
        seen = np.isfinite(source_points).all(1) & np.isfinite(target_points).all(1)
        return ImagePair(
            source=read_rgb(osp.join(self.data_root, 'JPEGImages', info['source'])),
            target=read_rgb(osp.join(self.data_root, 'JPEGImages', info['target'])),
            source_points=source_points[seen],
            target_points=target_points[seen],
            target_box=box,
            category=info['category'],
            source_id=info['source'],
            target_id=info['target'],
        )

    def _annotation(self, image: str, category: str) -> tuple[np.ndarray, np.ndarray]:
        from scipy.io import loadmat

        path = osp.join(self.data_root, _annotation_file(image, category))
        try:
            content = loadmat(require_file(path))
            points = np.asarray(content['kps'], np.float32).reshape(-1, 2)
            box = np.asarray(content['bbox'], np.float32).reshape(4)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'{path} is not an annotation of PF-PASCAL: {error!r}.') from error
        return points, box


@DATASETS.register_module()
class PFWillow(_PairList):
    """Pairs of photographs of 5 categories with 10 keypoints each.

    The layout::

        data_root
        ├── <category>/<image>.png
        └── test_pairs.csv         ``imageA,imageB,XA1..XA10,YA1..YA10,XB1..XB10,YB1..YB10``

    The object box is that of the keypoints.

    Args:
        data_root: The folder.
        ann_file: The list of pairs. Default ``'test_pairs.csv'``.
        indices: Read only the first pairs, this many. Default None: all.

    Raises:
        FileNotFoundError: The list or an image is not there.
        ValueError: A row of another form; the message names the file and the line.
    """

    METAINFO: ClassVar[dict[str, Any]] = dict(dataset_type='pf_willow')
    NUM_POINTS = 10

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the list of pairs."""
        pairs = []
        for number, row in enumerate(_read_csv(self.ann_file, ('imageA', 'imageB')), start=2):
            pairs.append(
                dict(
                    source=_below_root(row['imageA']),
                    target=_below_root(row['imageB']),
                    points=[self._points(row, image, number) for image in 'AB'],
                )
            )
        self.require_files(pair[side] for pair in pairs for side in ('source', 'target'))
        return pairs

    def pair(self, info: dict[str, Any]) -> ImagePair:
        """Read the images."""
        source_points, target_points = info['points']
        return ImagePair(
            source=read_rgb(osp.join(self.data_root, info['source'])),
            target=read_rgb(osp.join(self.data_root, info['target'])),
            source_points=source_points,
            target_points=target_points,
            target_box=np.concatenate([target_points.min(0), target_points.max(0)]),
            category=osp.dirname(info['target']) or 'object',
            source_id=info['source'],
            target_id=info['target'],
        )

    def _points(self, row: dict[str, str], image: str, number: int) -> np.ndarray:
        numbers = range(1, self.NUM_POINTS + 1)
        try:
            values = [[float(row[f'{axis}{image}{i}']) for axis in 'XY'] for i in numbers]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'{self.ann_file}, line {number}: expected {self.NUM_POINTS} numbers '
                f'X{image}1 .. and Y{image}1 .., got {error!r}.'
            ) from error
        points = np.array(values, np.float32)
        if not np.isfinite(points).all():
            raise ValueError(f'{self.ann_file}, line {number}: a coordinate is not finite.')
        return points


def _read_csv(path: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    with open(require_file(path), newline='', encoding='utf-8-sig') as file:
        rows = list(csv.DictReader(file))
    if not rows or any(row.get(column) is None for row in rows for column in columns):
        raise ValueError(f'{path} must be a csv with the columns {", ".join(columns)}, and a row.')
    return rows


def _annotation_file(image: str, category: str) -> str:
    return osp.join('Annotations', category, f'{Path(image).stem}.mat')


def _below_root(path: str) -> str:
    """Strip the folder of the archive: ``PF-dataset/car(S)/a.png`` -> ``car(S)/a.png``."""
    return '/'.join(Path(path).parts[-2:])
