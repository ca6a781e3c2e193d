# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Any data set with a fixed number of random views per image, and their stored features."""

import random
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from mmdiffrep.feature_bank.bank import FeatureBank
from mmdiffrep.feature_bank.images import ImageDataset, content_hash, image_name, read_sample
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.checks import integer
from mmdiffrep.utils.rng import seeded

STORED = 'teacher_features'  # the key of a sample beside the host's ``inputs``, ``data_samples``


@DATASETS.register_module()
class FixedViews(Dataset):
    """Wraps a data set: its random pipeline gives one of ``num_views`` fixed views of an image.

    A view is what the host's own pipeline draws from random numbers that are a function of
    (seed, view, index) alone, labels included. Which view comes is drawn at each access from the
    global random state, like any other augmentation. So features can be stored of all views
    (``python -m mmdiffrep bank CONFIG``), and augmentation is limited to them.

    With ``bank`` each sample also carries the stored features of its view, read in the data
    loader's workers, which :class:`~mmdiffrep.models.teachers.BankTeacher` takes in the place of
    a pass of the network. A view is known by its pixels: features never go to another image.

    Args:
        dataset (dict): Config of the data set, pipeline included.
        num_views (int): Views per image. Defaults to 8.
        seed (int): Seed of the views. Defaults to 0.
        bank (str, optional): Folder of the bank that holds the features. Defaults to None: the
            samples carry none.

    Raises:
        FileNotFoundError: There is no such bank.
        ValueError: A view is not in the bank.
    """

    def __init__(
        self, dataset: dict, num_views: int = 8, seed: int = 0, bank: str | None = None
    ) -> None:
        self.num_views = integer('num_views', num_views, 1)
        self.seed = integer('seed', seed, 0)
        self.dataset = DATASETS.build(dataset)
        if hasattr(self.dataset, 'full_init'):
            self.dataset.full_init()
        self.bank = None if bank is None else FeatureBank(bank)

    @property
    def metainfo(self) -> dict[str, Any]:
        """That of the data set."""
        return self.dataset.metainfo

    def full_init(self) -> None:
        """As mmengine expects; it has happened."""

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Return what the data set knows of an image before its pipeline, if it tells."""
        describe = getattr(self.dataset, 'get_data_info', None)
        return {} if describe is None else describe(index)

    def __len__(self) -> int:
        return len(self.dataset)

    def view(self, index: int, view: int) -> dict[str, Any]:
        """Return one view of an image, as the host packs it.

        Raises:
            ValueError: The image cannot be read, or the pipeline packs none.
        """
        with seeded(self.seed, view, index):
            return read_sample(self.dataset, index)

    def all_views(self) -> ImageDataset:
        """Return all views of all images as a data set, those of an image side by side."""
        return _AllViews(self)

    def __getitem__(self, index: int) -> dict[str, Any]:
        view = random.randrange(self.num_views)
        sample = self.view(index, view)
        if self.bank is None:
            return sample
        return {**sample, STORED: self._features(self.bank, sample['inputs'], index, view)}

    def _features(
        self, bank: FeatureBank, image: Tensor, index: int, view: int
    ) -> dict[str, Tensor]:
        """Return ``{tap: (T, h, w, C)}`` of a view, timesteps in the recipe's order."""
        try:
            return bank.stacked(content_hash(image))
        except KeyError:
            raise ValueError(
                f'View {view} of {image_name(self.dataset, index)} is not in {bank!r}: the '
                'bank was built with another pipeline, seed or number of views. Build it again '
                'with `python -m mmdiffrep bank CONFIG`.'
            ) from None


class _AllViews(Dataset):
    """All views of all images; sample ``i`` is view ``i % num_views`` of image ``i // num_views``.

    Args:
        views: The data set whose views they are.
    """

    def __init__(self, views: FixedViews) -> None:
        self._views = views

    def __len__(self) -> int:
        return len(self._views) * self._views.num_views

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._views.view(*divmod(index, self._views.num_views))

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Return what the data set knows of the image of a view."""
        return self._views.get_data_info(index // self._views.num_views)
