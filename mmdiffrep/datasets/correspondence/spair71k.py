# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""SPair-71k (Min et al., 2019) in its official layout."""

import json
import os.path as osp
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mmdiffrep.datasets.correspondence.pair import ImagePair, PairDataset
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.checks import one_of
from mmdiffrep.utils.image_files import read_rgb

SPLITS = ('trn', 'val', 'test')


@DATASETS.register_module()
class SPair71k(PairDataset):
    """Pairs of photographs of 18 categories with keypoints.

    The layout of the published archive::

        data_root
        ├── JPEGImages/<category>/<image>.jpg
        └── PairAnnotation/{trn,val,test}/<number>-<source>-<target>:<category>.json

    Args:
        data_root: The unpacked folder ``SPair-71k``.
        split: ``'trn'``, ``'val'`` or ``'test'``. Default ``'test'`` (official: 12,234 pairs).
        categories: Only these. Default None: all.
        indices: Read only the first pairs, this many. Default None: all.

    Raises:
        FileNotFoundError: The split or an image is not there.
        ValueError: An unknown split, a category without pairs, or an annotation that cannot be
            read; the message names the file.
    """

    METAINFO: ClassVar[dict[str, Any]] = dict(dataset_type='spair71k')

    def __init__(
        self,
        data_root: str,
        split: str = 'test',
        categories: list[str] | None = None,
        indices: int | None = None,
    ) -> None:
        self.split = one_of('split', split, SPLITS)
        self.categories = categories
        super().__init__(data_root=data_root, indices=indices, serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        """List the annotation files."""
        folder = Path(self.data_root) / 'PairAnnotation' / self.split
        files = sorted(folder.glob('*.json'))
        if not files:
            raise FileNotFoundError(
                f'SPair71k: {folder} holds no annotations. Unpack SPair-71k.tar.gz and set '
                'data_root to the folder SPair-71k.'
            )
        category_of = {file: file.stem.rpartition(':')[2] for file in files}
        known = sorted(set(category_of.values()))
        for category in self.categories or ():
            one_of('categories', category, known)
        chosen = set(self.categories or known)
        files = [file for file in files if category_of[file] in chosen]
        self._check_images(files, category_of)
        return [dict(file=str(file)) for file in files]

    def _check_images(self, files: list[Path], category_of: dict[Path, str]) -> None:
        """Check by the names of the annotations, ``<number>-<source>-<target>:<category>``."""
        folder = Path(self.data_root) / 'JPEGImages'
        present = {
            name: {image.stem for image in (folder / name).glob('*')}
            for name in set(category_of.values())
        }
        missing = [
            f'{folder / category_of[file] / image}.jpg'
            for file in files
            for image in file.stem.rpartition(':')[0].split('-')[1:]
            if image not in present[category_of[file]]
        ]
        if missing:
            raise FileNotFoundError(
                f'SPair71k: {len(set(missing))} images are missing: {missing[0]}, ...'
            )

    def pair(self, info: dict[str, Any]) -> ImagePair:
        """Read one annotation and its images."""
        try:
            annotation = json.loads(Path(info['file']).read_text(encoding='utf-8'))
            category = annotation['category']
            names = annotation['src_imname'], annotation['trg_imname']
            points = [np.array(annotation[key], np.float32) for key in ('src_kps', 'trg_kps')]
            box = np.array(annotation['trg_bndbox'], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'{info["file"]} is not an annotation of SPair-71k: {error!r}.'
            ) from error
        folder = osp.join(self.data_root, 'JPEGImages', category)
        return ImagePair(
            source=read_rgb(osp.join(folder, names[0])),
            target=read_rgb(osp.join(folder, names[1])),
            source_points=points[0],
            target_points=points[1],
            target_box=box,
            category=category,
            source_id=f'{category}/{names[0]}',
            target_id=f'{category}/{names[1]}',
        )
