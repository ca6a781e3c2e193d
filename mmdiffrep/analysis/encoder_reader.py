# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From images to what a bank stores of an encoder."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.analysis.encoder import Encoder
from mmdiffrep.feature_bank import FeatureRecipe, MapKey, stored_bytes
from mmdiffrep.feature_bank.reader import stored_map


class EncoderReader:
    """Computes what a bank stores of an :class:`~mmdiffrep.analysis.encoder.Encoder`.

    Args:
        encoder: Of it.
        channel_order: That the encoder was told.
        pool: Maps are averaged over so many by so many cells.
        dtype: What is stored.
        batch_size: Images in a pass.
    """

    def __init__(
        self, encoder: Encoder, channel_order: str, pool: int, dtype: str, batch_size: int
    ) -> None:
        self.encoder = encoder
        self.batch_size = batch_size
        self.dtype = getattr(torch, dtype)
        self.shapes = {
            (0, layer): (encoder.shapes[layer][0], pool, pool) for layer in encoder.layers
        }
        self.recipe = FeatureRecipe(
            weights=encoder.weights_hash,
            settings={'family': 'encoder', **encoder.settings},
            taps=list(encoder.layers),
            timesteps=[0],
            noise_levels=[0.0],
            noise={'type': 'none', 'seed': None},
            size=encoder.size,
            channel_order=channel_order,
            precision='float32',
            pool=pool,
            dtype=dtype,
            model=encoder.name,
        )

    @property
    def bytes_per_image(self) -> int:
        """What an image takes in the bank."""
        return stored_bytes(self.shapes, self.dtype)

    def __call__(self, images: Sequence[Tensor]) -> dict[MapKey, Tensor]:
        """Compute the features of images (3, H, W), see ``FeatureReader``."""
        return {
            (0, layer): stored_map(maps, self.recipe.pool, self.dtype, layer)
            for layer, maps in self.encoder(images).items()
        }
