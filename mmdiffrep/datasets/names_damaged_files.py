# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Data sets whose errors name the damaged file."""

from typing import Any

from mmengine.dataset import BaseDataset

from mmdiffrep.datasets.transforms.check_seg_map import LOADING_ERRORS, name_damaged_file
from mmdiffrep.utils.jpeg_damage import naming_jpeg_damage


class NamesDamagedFiles(BaseDataset):
    """Mixin of data sets that read images and masks from files."""

    def prepare_data(self, idx: int) -> Any:
        """Load a sample; warn of a JPEG that is damaged inside.

        Raises:
            ValueError: The image or the mask cannot be read; the message names the file.
        """
        try:
            with naming_jpeg_damage(lambda: str(self.get_data_info(idx).get('img_path'))):
                return super().prepare_data(idx)
        except LOADING_ERRORS as error:
            raise name_damaged_file(self.get_data_info(idx), error) from error
