# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Any data set with stored latents in the place of its images."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import ConcatDataset

from mmdiffrep.feature_bank.bank import FeatureBank
from mmdiffrep.feature_bank.build import DEFAULT_ROOT, build_feature_bank
from mmdiffrep.feature_bank.images import read_sample
from mmdiffrep.feature_bank.latent_reader import LatentReader
from mmdiffrep.feature_bank.recipe import LATENT, LatentRecipe
from mmdiffrep.feature_bank.stored_dataset import StoredDataset, build_reader
from mmdiffrep.feature_bank.views import AugmentedView
from mmdiffrep.registry import DATASETS, build_part
from mmdiffrep.utils.checks import integer


@DATASETS.register_module()
class LatentDataset(StoredDataset):
    """Wraps a data set: ``inputs`` of its samples become latents (C, h, w), all else stays.

    Latents are computed once, by all processes of a run together, and mapped into memory, so that
    processes of a machine share one copy. The model takes ``mmdiffrep.StoredFeaturesPreprocessor``
    as data preprocessor and ``mmdiffrep.LatentDPMBackbone`` as backbone.

    Args:
        dataset (dict): Config of the data set. Its pipeline packs images and draws no random
            numbers.
        reader (dict): Arguments of :class:`~mmdiffrep.feature_bank.LatentReader`: ``vae``, ...
            Its ``channel_order`` is derived from ``dataset``.
        views (int): 0, the default, gives the latent of the unchanged image. With k >= 1 there are
            k augmented copies of every image (a crop and a flip drawn from view and index, see
            :class:`~mmdiffrep.feature_bank.views.AugmentedView`), one of which is drawn each time.
            DDAE with DiT: 10.
        bank (str, optional): Folder of a bank that has all the latents, which are only read.
            Defaults to None: it is found from the reader under ``root``, and what it lacks is
            computed, on construction.
        root (str): Where banks are. Defaults to ``'work_dirs/feature_banks'``.
        max_bytes (int, optional): Greatest size of the bank. Defaults to None: what the disk holds.
        verify (str): ``'sizes'`` or ``'full'``, see
            :class:`~mmdiffrep.feature_bank.bank.FeatureBank`. Defaults to ``'sizes'``.

    Raises:
        FileNotFoundError: No such bank, VAE or image.
        ValueError: ``bank`` holds features, latents of another VAE, or latents made otherwise; or
            see :func:`~mmdiffrep.feature_bank.build.build_feature_bank`.
    """

    def __init__(
        self,
        dataset: dict,
        reader: Mapping[str, Any],
        views: int = 0,
        bank: str | None = None,
        root: str = DEFAULT_ROOT,
        max_bytes: int | None = None,
        verify: str = 'sizes',
    ) -> None:
        self.dataset = build_part(DATASETS, dataset, 'dataset')
        numbers = range(1, views + 1) if integer('views', views, 0) else [0]
        self.views = [AugmentedView(self.dataset, view) for view in numbers]
        compute = build_reader(LatentReader, reader, 'reader', dataset)
        if bank is None:
            every: Any = ConcatDataset(self.views)
            self.bank = build_feature_bank(every, compute, root, max_bytes, verify).bank
        else:
            self.bank = FeatureBank(bank, verify)
            _require(self.bank, compute.recipe)

    def __getitem__(self, index: int) -> dict[str, Any]:
        view = 0 if len(self.views) == 1 else int(np.random.randint(len(self.views)))
        return self.read(index, view)

    def read(self, index: int, view: int) -> dict[str, Any]:
        """Read a sample in one of its views, counted from 0."""
        sample = read_sample(self.views[view], index)
        image = self.find(
            sample,
            index,
            'the bank has fewer views, or other images: leave out `bank`, and what is missing is '
            'computed.',
        )
        # A copy: a view sent to another process would take its whole shard along.
        latent: Tensor = self.bank[image][LATENT].clone()
        return {**sample, 'inputs': latent}


def _require(bank: FeatureBank, recipe: LatentRecipe) -> None:
    """Check that a bank holds the latents that a recipe stands for."""
    found = bank.recipe
    if not isinstance(found, LatentRecipe):
        raise ValueError(f'{bank.folder} holds features of {found.model}, no latents.')
    if found.vae != recipe.vae:
        raise ValueError(
            f'{bank.folder} holds latents of another VAE: {found.model} (weights '
            f'{found.vae[:12]}), but the reader has {recipe.model} (weights {recipe.vae[:12]}). '
            'Leave out `bank` to compute those, or name the VAE that they were computed with.'
        )
    bank.require(recipe)
