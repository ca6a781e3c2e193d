# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""HPatches (Balntas et al., CVPR 2017): planar scenes whose homographies are known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.structures import BaseDataElement

from mmdiffrep.matching.keypoints import detect_keypoints, read_keypoints
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.image_files import read_rgb

CATEGORIES = {'i': 'illumination', 'v': 'viewpoint'}

LARGE_SEQUENCES = (
    'i_contruction i_crownnight i_dc i_pencils i_whitebuilding v_artisans v_astronautis v_talent'
).split()


@DATASETS.register_module()
class HPatches(BaseDataset):
    """The first image of every sequence paired with each of the five others.

    The layout of the published archive, and of the keypoints that DIFT's README links::

        data_root
        ├── i_<name>/1.ppm .. 6.ppm, H_1_2 .. H_1_6       illumination changes
        └── v_<name>/1.ppm .. 6.ppm, H_1_2 .. H_1_6       viewpoint changes
        keypoints
        └── <sequence>-<image>.kp                          x and y per line

    The data samples hold ``source_keypoints`` (N, 2), ``target_keypoints`` (M, 2), ``homography``
    (3, 3) from source to target, ``category``, ``sequence`` and the sizes of the images.

    Args:
        data_root: The folder ``hpatches-sequences-release``.
        keypoints: The folder of keypoints (official: ``superpoint-1k``). Default None: 1000 corners
            found by OpenCV.
        leave_out: Sequences that are not read. Default: the eight of high resolution that D2-Net's
            download script removes, as DIFT evaluates on the other 108.

    Raises:
        FileNotFoundError: There is no sequence, or an image, a homography or keypoints are
            missing.
        ValueError: A homography or keypoints of another form; the message names the file.
    """

    METAINFO: ClassVar[dict[str, Any]] = dict(dataset_type='hpatches')

    def __init__(
        self,
        data_root: str,
        keypoints: str | None = None,
        leave_out: Sequence[str] = LARGE_SEQUENCES,
    ) -> None:
        self.keypoints = None if keypoints is None else Path(keypoints)
        self.leave_out = set(leave_out)
        super().__init__(data_root=data_root, serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        """List the pairs and check that all files are there."""
        folders = sorted(Path(self.data_root).glob('[iv]_*/'))
        folders = [folder for folder in folders if folder.name not in self.leave_out]
        if not folders:
            raise FileNotFoundError(
                f'HPatches: {self.data_root} holds no folders i_<name> and v_<name>. Unpack '
                'hpatches-sequences-release.tar.gz and set data_root to its folder.'
            )
        pairs = [dict(folder=folder, number=k) for folder in folders for k in range(2, 7)]
        files = [folder / f'{k}.ppm' for folder in folders for k in range(1, 7)]
        files += [pair['folder'] / f'H_1_{pair["number"]}' for pair in pairs]
        if self.keypoints is not None:
            files += [self._keypoint_file(folder, k) for folder in folders for k in range(1, 7)]
        missing = [file for file in files if not file.is_file()]
        if missing:
            raise FileNotFoundError(
                f'HPatches: {len(missing)} of {len(files)} files are missing: {missing[0]}, ...'
            )
        return pairs

    def prepare_data(self, idx: int) -> dict[str, Any]:
        """Read a pair."""
        info = self.get_data_info(idx)
        folder, number = info['folder'], info['number']
        source, target = (read_rgb(str(folder / f'{k}.ppm')) for k in (1, number))
        sample = BaseDataElement(
            metainfo=dict(
                category=CATEGORIES[folder.name[0]],
                sequence=folder.name,
                source_size=source.shape[:2],
                target_size=target.shape[:2],
                homography=read_homography(folder / f'H_1_{number}'),
            )
        )
        sample.source_keypoints = torch.from_numpy(self._points(folder, 1, source))
        sample.target_keypoints = torch.from_numpy(self._points(folder, number, target))
        inputs = dict(
            source=torch.from_numpy(source).permute(2, 0, 1),
            target=torch.from_numpy(target).permute(2, 0, 1),
        )
        return dict(inputs=inputs, data_samples=sample)

    def _points(self, folder: Path, number: int, image: np.ndarray) -> np.ndarray:
        if self.keypoints is None:
            return detect_keypoints(image)
        return read_keypoints(self._keypoint_file(folder, number))

    def _keypoint_file(self, folder: Path, number: int) -> Path:
        return Path(self.keypoints or '') / f'{folder.name}-{number}.kp'


def read_homography(path: Path) -> np.ndarray:
    """Read a text file of 3 x 3 numbers, float64.

    Raises:
        ValueError: Another form; the message names the file.
    """
    try:
        matrix = np.loadtxt(path)
    except ValueError as error:
        raise ValueError(f'{path} must hold 3 x 3 numbers: {error}') from error
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise ValueError(f'{path} must hold 3 x 3 finite numbers, got shape {matrix.shape}.')
    return matrix
