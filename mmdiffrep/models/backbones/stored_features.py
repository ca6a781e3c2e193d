# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Data preprocessor and backbone of a model whose features were computed before."""

from collections.abc import Mapping

import torch
from mmengine.model import BaseDataPreprocessor, BaseModule
from torch import Tensor

from mmdiffrep.registry import MODELS


@MODELS.register_module()
class StoredFeaturesPreprocessor(BaseDataPreprocessor):
    """Brings stored features and labels to the model's device; there is nothing to normalize.

    Args:
        batch_augments (dict, optional): Refused. mmpretrain's classifiers pass their ``train_cfg``
            here, which mixes images. Defaults to None.
        non_blocking (bool): See :class:`mmengine.model.BaseDataPreprocessor`. Defaults to False.

    Raises:
        ValueError: Augmentations of images, of which there are none.
    """

    def __init__(self, batch_augments: dict | None = None, non_blocking: bool = False) -> None:
        if batch_augments:
            raise ValueError(
                f'Stored features cannot be augmented as images are, got {batch_augments}: leave '
                "out the model's train_cfg."
            )
        super().__init__(non_blocking=non_blocking)


@MODELS.register_module()
class StoredFeatures(BaseModule):
    """Gives neck and head the maps that a ``mmdiffrep.FeatureBankDataset`` has read.

    It has no weights, and the maps of a :class:`~mmdiffrep.models.backbones.DPMBackbone` with the
    same taps and timesteps, up to their rounding to the dtype that was stored.
    """

    def forward(
        self, inputs: Mapping[tuple[int, str], Tensor | list[Tensor]]
    ) -> tuple[Tensor, ...]:
        """Stack the features of a batch.

        Args:
            inputs (dict): ``{(timestep, tap): (B, C, h, w)}``, or a list of (C, h, w) for each.

        Returns:
            tuple: Maps (B, C, h, w), float32, all taps of the first timestep first.

        Raises:
            ValueError: Images instead of features.
        """
        if not isinstance(inputs, Mapping):
            raise ValueError(
                f'StoredFeatures takes features, not {type(inputs).__name__}: wrap the data set in '
                "mmdiffrep.FeatureBankDataset, and set the model's data_preprocessor to "
                "dict(type='mmdiffrep.StoredFeaturesPreprocessor')."
            )
        maps = (
            value if isinstance(value, Tensor) else torch.stack(value) for value in inputs.values()
        )
        return tuple(value.float() for value in maps)
