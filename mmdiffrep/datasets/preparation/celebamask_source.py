# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The folder of an unpacked CelebAMask-HQ: its files, and where to get them."""

import os
from dataclasses import dataclass
from pathlib import Path

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.preparation.source_files import check_present

IMAGES_PER_MASK_FOLDER = 2000

WHERE_TO_GET = """\
CelebAMask-HQ is free for non-commercial research and comes from its authors only:
  1. https://github.com/switchablenorms/CelebAMask-HQ links to CelebAMask-HQ.zip (about 3 GB). It
     has CelebA-HQ-img/, CelebAMask-HQ-mask-anno/ and CelebA-HQ-to-CelebA-mapping.txt.
  2. https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html links to CelebA, whose Eval folder has
     list_eval_partition.txt; only this one file is needed. Put it next to the others, or name it
     with --partition."""


@dataclass(frozen=True)
class CelebAMaskSource:
    """The folder of an unpacked download.

    Attributes:
        root: The folder that the archive unpacks to.
        partition: CelebA's ``list_eval_partition.txt``; None means the one in ``root``.
    """

    root: Path
    partition: Path | None = None

    @property
    def images(self) -> Path:
        """Folder of ``<id>.jpg``."""
        return self.root / 'CelebA-HQ-img'

    @property
    def parts(self) -> Path:
        """Folder of ``<id // 2000>/<id:05d>_<part>.png``."""
        return self.root / 'CelebAMask-HQ-mask-anno'

    @property
    def mapping_file(self) -> Path:
        """The CelebA image of each CelebA-HQ image."""
        return self.root / 'CelebA-HQ-to-CelebA-mapping.txt'

    @property
    def partition_file(self) -> Path:
        """CelebA's split."""
        return self.partition or self.root / 'list_eval_partition.txt'

    def check(self) -> None:
        """Raise FileNotFoundError that lists everything missing and says where to get it."""
        needed = (self.images, self.parts, self.mapping_file, self.partition_file)
        check_present('CelebAMask-HQ', needed, WHERE_TO_GET)

    def part_files(self, image_id: int) -> dict[int, Path]:
        """Return the existing part masks of an image by label, in painting order."""
        folder = self.parts / str(image_id // IMAGES_PER_MASK_FOLDER)
        files = {
            label: folder / f'{image_id:05d}_{part}.png'
            for label, part in enumerate(CELEBAMASK_CLASSES)
            if label > 0
        }
        return {label: path for label, path in files.items() if os.path.lexists(path)}
