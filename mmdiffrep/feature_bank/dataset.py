# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Any data set with stored features in the place of its images."""

import copy
from collections.abc import Mapping
from typing import Any

from mmdiffrep.feature_bank.bank import FeatureBank
from mmdiffrep.feature_bank.build import DEFAULT_ROOT, build_feature_bank
from mmdiffrep.feature_bank.images import read_sample
from mmdiffrep.feature_bank.reader import FeatureReader
from mmdiffrep.feature_bank.stored_dataset import StoredDataset, build_reader
from mmdiffrep.registry import DATASETS, build_part
from mmdiffrep.utils.pixel_facts import check_order


@DATASETS.register_module()
class FeatureBankDataset(StoredDataset):
    """Wraps a data set: ``inputs`` of its samples become features, all else stays.

    A sample is ``dict(inputs={(timestep, tap): (C, h, w)}, data_samples=...)``. The model takes
    ``mmdiffrep.StoredFeaturesPreprocessor`` as data preprocessor and ``mmdiffrep.StoredFeatures``
    as backbone; neck, head and evaluation are the host's.

    The images are read, to know them again, so that a pipeline that draws random numbers is found
    out; features are never given to another image.

    Args:
        dataset (dict): Config of the data set. Its pipeline packs images and draws no random
            numbers.
        bank (str or dict): Folder of a bank that has all the images, from which features are only
            read; or arguments of :class:`~mmdiffrep.feature_bank.reader.FeatureReader`, from which
            the bank is found and what it lacks is computed, on construction. Its
            ``channel_order`` is derived from ``dataset``.
        root (str): Where banks are, if ``bank`` is a dict. Defaults to
            ``'work_dirs/feature_banks'``.
        max_bytes (int, optional): Greatest size of the bank, if ``bank`` is a dict. Defaults to
            None: what the disk holds.
        verify (str): ``'sizes'`` or ``'full'``, see
            :class:`~mmdiffrep.feature_bank.bank.FeatureBank`. Defaults to ``'sizes'``.
        keep_samples (bool): Keep the labels in memory once they are read, so that the data set's
            pipeline, and the check of its images, only runs in the first epoch of a worker
            process (use persistent workers). Defaults to False.

    Raises:
        FileNotFoundError: No such bank, model or image.
        ValueError: See :func:`~mmdiffrep.feature_bank.build.build_feature_bank`.
    """

    def __init__(
        self,
        dataset: dict,
        bank: str | Mapping[str, Any],
        root: str = DEFAULT_ROOT,
        max_bytes: int | None = None,
        verify: str = 'sizes',
        keep_samples: bool = False,
    ) -> None:
        self.dataset = build_part(DATASETS, dataset, 'dataset')
        self.keep_samples = keep_samples
        self._kept: dict[int, dict[str, Any]] = {}
        if isinstance(bank, str):
            self.bank = FeatureBank(bank, verify)
            check_order(dataset, self.bank.recipe.channel_order, str(self.bank.folder))
        else:
            reader = build_reader(FeatureReader, bank, 'bank', dataset)
            self.bank = build_feature_bank(self.dataset, reader, root, max_bytes, verify).bank

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self._kept.get(index)
        if sample is None:
            sample = self._read(index)
            if self.keep_samples:
                self._kept[index] = sample
        features = self.bank[sample['inputs']]
        # mmpretrain's DataSample loses its tensors when a worker process sends it.
        sample = {key: copy.copy(value) for key, value in sample.items()}
        # Copies: a view sent to another process would take its whole shard along.
        return {**sample, 'inputs': {key: maps.clone() for key, maps in features.items()}}

    def _read(self, index: int) -> dict[str, Any]:
        """Return the sample, with the image's content hash in the place of the image."""
        sample = read_sample(self.dataset, index)
        image = self.find(
            sample,
            index,
            'the bank was built from other images: build it again with '
            'tools/build_feature_bank.py.',
        )
        return {**sample, 'inputs': image}
