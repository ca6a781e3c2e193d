# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The six data sets of DDPM-Seg as mmseg data sets, with their splits."""

from pathlib import Path
from typing import Any, ClassVar

from mmdiffrep.datasets.checked_seg_dataset import CheckedSegDataset
from mmdiffrep.datasets.ddpm_seg_classes import DDPM_SEG_PROTOCOLS
from mmdiffrep.datasets.few_shot_subset import random_order
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.checks import integer, one_of
from mmdiffrep.utils.existing_files import require_file, require_files
from mmdiffrep.utils.text_file import read_names

SPLITS = ('train', 'test')
HOW_TO_PREPARE = (
    'Get datasets.tar.gz (47 MB) from https://github.com/yandex-research/ddpm-segmentation, unpack '
    'it, and run\n    python tools/prepare_data/ddpm_seg.py UNPACKED_FOLDER --out {root}\n'
    'docs/data_preparation.md shows the layout.'
)


@DATASETS.register_module()
class DDPMSegDataset(CheckedSegDataset):
    """Few labeled images of bedrooms, faces, cats or horses (Baranchuk et al., ICLR 2022).

    The layout is what ``tools/prepare_data/ddpm_seg.py`` writes::

        data_root
        ├── bedroom_28
        │   ├── images/NAME.png   RGB, 256 px
        │   ├── masks/NAME.png    label per pixel, 255: ignored
        │   ├── train.txt         one NAME per line, in the published order
        │   └── test.txt
        ├── ffhq_34
        └── ...

    ============== ======= ============= ============
    category       classes train images  test images
    ============== ======= ============= ============
    bedroom_28     28      40            20
    ffhq_34        34      20            20
    cat_15         15      30            20
    horse_21       21      30            30
    celeba_19      19      20            500
    ade_bedroom_30 30      50            650
    ============== ======= ============= ============

    Args:
        category (str): Which data set.
        split (str): ``'train'`` or ``'test'``.
        data_root (str): Folder with all data sets.
        num_images (int, optional): Number of images to use, the first ones. Defaults to None: the
            official number.
        repeat (int, optional): Number of a random split: the images of both lists are shuffled and
            divided anew. The paper reports mean and deviation over five splits. Defaults to None:
            the published split.
        **kwargs: Further arguments of ``mmseg.BaseSegDataset``, such as ``pipeline``; unknown ones
            are refused there.

    Raises:
        FileNotFoundError: The data set, or a file that its lists name, is missing.
        ValueError: An unknown category or split, or fewer images than asked for.
    """

    METAINFO: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        category: str,
        split: str,
        data_root: str = 'data/ddpm_seg',
        num_images: int | None = None,
        repeat: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.protocol = DDPM_SEG_PROTOCOLS[one_of('category', category, DDPM_SEG_PROTOCOLS)]
        self.split = one_of('split', split, SPLITS)
        self.repeat = None if repeat is None else integer('repeat', repeat, 0)
        official = self.protocol.num_train if split == 'train' else self.protocol.num_test
        self.num_images = integer('num_images', official if num_images is None else num_images, 1)
        self.folder = Path(data_root) / category
        super().__init__(metainfo=dict(classes=self.protocol.classes), **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """List image and mask of the chosen images."""
        lists = {split: self._read_list(split) for split in SPLITS}
        names = self.first_names(
            lists[self.split] if self.repeat is None else self._random_split(lists),
            f'{self.folder}, {self.split}',
            self.num_images,
            'Set num_images, or prepare the data set again.',
        )
        pairs = [
            [str(self.folder / kind / f'{name}.png') for kind in ('images', 'masks')]
            for name in names
        ]
        require_files((path for pair in pairs for path in pair), 'the lists', self._advice())
        return [self.sample(*pair) for pair in pairs]

    def _read_list(self, split: str) -> list[str]:
        return read_names(require_file(self.folder / f'{split}.txt', self._advice()))

    def _random_split(self, lists: dict[str, list[str]]) -> list[str]:
        """Split all images anew for this repeat, into parts of the official sizes."""
        pool = sorted(lists['train'] + lists['test'])
        shuffled = [pool[index] for index in random_order(len(pool), self.repeat)]
        num_train = self.protocol.num_train
        return shuffled[:num_train] if self.split == 'train' else shuffled[num_train:]

    def _advice(self) -> str:
        return HOW_TO_PREPARE.format(root=self.folder.parent)
