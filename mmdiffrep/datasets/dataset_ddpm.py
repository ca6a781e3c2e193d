# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Sampled images that an ensemble has labeled, as an mmseg data set."""

import json
from pathlib import Path
from typing import Any, ClassVar

from mmdiffrep.datasets.checked_seg_dataset import CheckedSegDataset
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.checks import integer
from mmdiffrep.utils.existing_files import require_file, require_files
from mmdiffrep.utils.text_file import read_names, read_text

HOW_TO_MAKE = (
    'Make it with python tools/make_dataset_ddpm.py CONFIG CHECKPOINT --out {root}; '
    'docs/howto_fewshot.md has an example.'
)
DESCRIPTION = 'dataset.json'  # classes, palette, and what the data set was made from
TRAIN_LIST = 'train.txt'


@DATASETS.register_module()
class DatasetDDPM(CheckedSegDataset):
    """A folder that ``tools/make_dataset_ddpm.py`` has written (DatasetDDPM, Baranchuk et al.).

    The layout is::

        data_root
        ├── images/NAME.png   sampled from a diffusion model
        ├── masks/NAME.png    labeled by an ensemble
        ├── train.txt         names of the confident images, the most confident first
        └── dataset.json      classes and palette

    Args:
        data_root (str): The folder.
        num_images (int, optional): Number of the most confident images to use. Defaults to None:
            all.
        **kwargs: Further arguments of ``mmseg.BaseSegDataset``, such as ``pipeline``; unknown ones
            are refused there.

    Raises:
        FileNotFoundError: The data set, or a file that its list names, is missing.
        ValueError: It has fewer images than asked for.
    """

    METAINFO: ClassVar[dict[str, Any]] = {}

    def __init__(self, data_root: str, num_images: int | None = None, **kwargs: Any) -> None:
        self.folder = Path(data_root)
        self.num_images = None if num_images is None else integer('num_images', num_images, 1)
        super().__init__(metainfo=self._description(), **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """List images and masks, after checking that they are there."""
        names = self.first_names(
            read_names(self._file(TRAIN_LIST)),
            str(self.folder),
            self.num_images,
            'Make more with tools/make_dataset_ddpm.py --num-images.',
        )
        pairs = [
            [str(self.folder / kind / f'{name}.png') for kind in ('images', 'masks')]
            for name in names
        ]
        advice = HOW_TO_MAKE.format(root=self.folder)
        require_files((path for pair in pairs for path in pair), TRAIN_LIST, advice)
        return [self.sample(*pair) for pair in pairs]

    def _description(self) -> dict[str, Any]:
        path = self._file(DESCRIPTION)
        try:
            description = json.loads(read_text(path))
            return dict(classes=tuple(description['classes']), palette=description['palette'])
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(
                f'{path} should be a json with `classes` and `palette` ({error!r}). '
                + HOW_TO_MAKE.format(root=self.folder)
            ) from error

    def _file(self, name: str) -> Path:
        return require_file(self.folder / name, HOW_TO_MAKE.format(root=self.folder))
