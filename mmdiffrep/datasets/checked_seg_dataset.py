# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base class of our segmentation data sets: masks are checked, damaged files are named."""

from typing import Any

from mmseg.datasets import BaseSegDataset

from mmdiffrep.datasets.names_damaged_files import NamesDamagedFiles
from mmdiffrep.datasets.transforms.check_seg_map import check_masks_when_loaded


class CheckedSegDataset(NamesDamagedFiles, BaseSegDataset):
    """mmseg's ``BaseSegDataset`` with checked masks.

    Every mask is checked as it is loaded
    (:class:`~mmdiffrep.datasets.transforms.check_seg_map.CheckSegMap` follows
    ``LoadAnnotations``), and every sample carries ``classes``, from which
    :class:`~mmdiffrep.datasets.transforms.left_right_flip.LeftRightFlip` derives its pairs.

    Args:
        data_prefix: Folders by kind, relative to ``data_root``; None stands for "not there", such
            as ``seg_map_path=None`` for images without masks.
        **kwargs: Further arguments of ``mmseg.BaseSegDataset``.
    """

    def __init__(self, data_prefix: dict[str, str | None] | None = None, **kwargs: Any) -> None:
        given = {kind: path for kind, path in (data_prefix or {}).items() if path is not None}
        super().__init__(data_prefix=given, reduce_zero_label=False, **kwargs)
        check_masks_when_loaded(self, len(self.metainfo['classes']))

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Return the sample's paths and meta data, with the names of the ``classes``."""
        return {**super().get_data_info(idx), 'classes': self._metainfo['classes']}

    @staticmethod
    def first_names(
        names: list[str], source: str, num_images: int | None = None, advice: str = ''
    ) -> list[str]:
        """Return the first names of a list.

        Args:
            names: The list.
            source: Where it is from, for the error.
            num_images: How many; None: all, at least one.
            advice: What to do if there are fewer, for the error.

        Raises:
            ValueError: There are fewer.
        """
        wanted = num_images or 1
        if len(names) < wanted:
            raise ValueError(
                f'{source}: {wanted} images are asked for, but there are {len(names)}. '
                f'{advice or "Check the list."}'
            )
        return names[:num_images]

    def sample(self, img_path: str, seg_map_path: str | None) -> dict[str, Any]:
        """Return an entry of the data list."""
        info = dict(
            img_path=img_path,
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
            seg_fields=[],
        )
        return info if seg_map_path is None else {**info, 'seg_map_path': seg_map_path}
