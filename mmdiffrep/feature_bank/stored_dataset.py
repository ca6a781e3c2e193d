# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base of the data sets that give what a bank stores in the place of images."""

from collections.abc import Mapping
from typing import Any

from torch.utils.data import Dataset

from mmdiffrep.feature_bank.bank import FeatureBank
from mmdiffrep.feature_bank.images import content_hash, image_name
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.pixel_facts import dataset_order


class StoredDataset(Dataset):
    """Wraps a data set, and looks its images up in a bank by their content.

    Attributes:
        dataset: The data set, built.
        bank: The bank that holds all its images.
    """

    dataset: Any
    bank: FeatureBank

    @property
    def metainfo(self) -> dict[str, Any]:
        """Return that of the data set."""
        return self.dataset.metainfo

    def full_init(self) -> None:
        """Do nothing: mmengine calls it, and the construction has done all."""

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Return what the data set knows of a sample before its pipeline."""
        return self.dataset.get_data_info(index)

    def __len__(self) -> int:
        return len(self.dataset)

    def find(self, sample: Mapping[str, Any], index: int, otherwise: str) -> str:
        """Return the key of a sample's image in the bank.

        Args:
            sample: What the pipeline gives.
            index: Its index in the data set.
            otherwise: What it may be if the pipeline draws no random numbers, for the error.

        Raises:
            ValueError: The bank does not hold the image.
        """
        image = content_hash(sample['inputs'])
        if image not in self.bank:
            raise ValueError(
                f'{image_name(self.dataset, index)} is not in {self.bank!r}. Either the pipeline '
                f'draws random numbers: take the pipeline of the test split. Or {otherwise}'
            )
        return image


def build_reader(
    reader: type, arguments: Mapping[str, Any], name: str, dataset: Mapping[str, Any]
) -> Any:
    """Build the reader of a data set's images; ``channel_order`` is derived from the data set.

    Args:
        reader: Its class.
        arguments: Its arguments.
        name: The option that holds them, for errors.
        dataset: Config of the data set.

    Raises:
        ValueError: An unknown argument, or a channel order that cannot be derived.
    """
    check_arguments(arguments, reader, name, complete=True)
    order = arguments.get('channel_order') or dataset_order(
        dataset, f"say channel_order='bgr' or 'rgb' in {name}"
    )
    return reader(**{**arguments, 'channel_order': order})
