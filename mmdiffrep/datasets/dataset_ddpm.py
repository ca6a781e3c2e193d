# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Sampled images that an ensemble has labeled, as an mmseg data set."""

import json
from pathlib import Path
from typing import Any, ClassVar

from mmseg.datasets import BaseSegDataset

from mmdiffrep.datasets.transforms import check_masks_when_loaded
from mmdiffrep.registry import DATASETS

HOW_TO_MAKE = (
    'Make it with python tools/make_dataset_ddpm.py CONFIG CHECKPOINT --out {root}; '
    'docs/howto_fewshot.md has an example.'
)
DESCRIPTION = 'dataset.json'  # classes, palette, and what the data set was made from
TRAIN_LIST = 'train.txt'


@DATASETS.register_module()
class DatasetDDPM(BaseSegDataset):
    """A folder that ``tools/make_dataset_ddpm.py`` has written (DatasetDDPM, Baranchuk et al.).

    The layout is::

        data_root
        ├── images/NAME.png   sampled from a diffusion model
        ├── masks/NAME.png    labeled by an ensemble
        ├── train.txt         the names of those that it is sure of, the surest first
        └── dataset.json      classes and palette

    Every sample carries ``classes``, for
    :class:`~mmdiffrep.datasets.transforms.left_right_flip.LeftRightFlip`; every mask is checked as
    it is loaded (:class:`~mmdiffrep.datasets.transforms.check_seg_map.CheckSegMap`).

    Args:
        data_root (str): The folder.
        num_images (int, optional): The so many surest images. Defaults to None: all.
        **kwargs: Further arguments of ``mmseg.BaseSegDataset``, such as ``pipeline``; unknown ones
            are refused there.

    Raises:
        FileNotFoundError: The data set, or a file that its list names, is missing.
        ValueError: It has fewer images than asked for.
    """

    METAINFO: ClassVar[dict[str, Any]] = {}

    def __init__(self, data_root: str, num_images: int | None = None, **kwargs: Any) -> None:
        if num_images is not None and num_images < 1:
            raise ValueError(f'num_images must be at least 1, or None, got {num_images}')
        self.folder = Path(data_root)
        self.num_images = num_images
        description = json.loads(self._read(DESCRIPTION))
        super().__init__(
            metainfo=dict(classes=tuple(description['classes']), palette=description['palette']),
            reduce_zero_label=False,
            **kwargs,
        )
        check_masks_when_loaded(self)

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Return the sample's paths and meta data, with the names of the ``classes``."""
        return {**super().get_data_info(idx), 'classes': self._metainfo['classes']}

    def load_data_list(self) -> list[dict[str, Any]]:
        """List images and masks, after checking that they are there."""
        names = self._read(TRAIN_LIST).split()
        if len(names) < (self.num_images or 1):
            raise ValueError(
                f'{self.folder}: {self.num_images or 1} images are asked for, but there are '
                f'{len(names)}; make more with tools/make_dataset_ddpm.py --num-images'
            )
        present = {
            kind: {path.stem for path in (self.folder / kind).glob('*.png')}
            for kind in ('images', 'masks')
        }
        names = names[: self.num_images]
        missing = [
            f'{kind}/{name}.png' for kind in present for name in names if name not in present[kind]
        ]
        if missing:
            raise FileNotFoundError(
                f'{self.folder}: {len(missing)} files are missing, the first: {missing[:3]}. '
                + HOW_TO_MAKE.format(root=self.folder)
            )
        return [
            dict(
                img_path=str(self.folder / 'images' / f'{name}.png'),
                seg_map_path=str(self.folder / 'masks' / f'{name}.png'),
                label_map=None,
                reduce_zero_label=False,
                seg_fields=[],
            )
            for name in names
        ]

    def _read(self, name: str) -> str:
        path = self.folder / name
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} does not exist. ' + HOW_TO_MAKE.format(root=self.folder)
            )
        return path.read_text()
