# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""How far a diffusion model's features are, seen from their rank on a few unlabeled images.

Training first collapses the maps of a network onto a few directions, then adds more and more; a
linear probe follows. On drawn faces at 32 px, map ``dec.3`` at t = 50 (the share of the rank of
the same network with random weights, and the mIoU of a linear probe): random 1.00 and 9.7, after
100 steps 0.08 and 11.8, 250 steps 0.17 and 14.9, 500 steps 0.26 and 19.1, 1,000 steps 0.39 and
22.2. So the share is to be compared along a training, and a small one is a bad sign; that trained
models lie below random ones is not. Whether features serve a task is told by a probe with labels.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.features import MapKey, read_features
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.measures.map_rank import map_rank
from mmdiffrep.utils.random_weights import random_weights

# Below this share of the random network's rank, probes of middle and decoder were no better, or
# hardly, than on random weights: 100 and 250 steps of the training above, 1,000 on road scenes.
# The encoder's first maps have such shares in good models too.
EARLY = 0.2


class MapRank(NamedTuple):
    """Rank of one map, see :func:`~mmdiffrep.measures.map_rank`.

    Attributes:
        rank: Of the model.
        random: Of the same network with random weights.
    """

    rank: float
    random: float

    @property
    def share(self) -> float:
        """Rank over that of random weights."""
        return self.rank / self.random if self.random else 0.0

    @property
    def early(self) -> bool:
        """Whether the model seems to be at the beginning of its training."""
        return self.share < EARLY


@torch.no_grad()
def map_ranks(
    denoiser: FeatureModel,
    images: Tensor,
    taps: Sequence[str],
    timesteps: Sequence[int],
    noise: str | dict[str, Any] = 'per_image',
    pass_size: int | None = None,
) -> dict[MapKey, MapRank]:
    """Measure maps of a model, and of the same network with random weights.

    The model's weights are the same afterwards; meanwhile it must not be used by others.

    Args:
        denoiser: Frozen; whole or cut after the last tap.
        images: RGB (B, 3, H, W) in [-1, 1]. 16 are enough; ranks of other numbers of images, or
            of another size, are others.
        taps: Names of taps.
        timesteps: Where they are read.
        noise: Noise source.
        pass_size: Greatest number of images in a pass; None: all, of all timesteps.

    Returns:
        A :class:`MapRank` by (timestep, tap).
    """

    def ranks() -> dict[MapKey, float]:
        maps = read_features(
            denoiser, images, timesteps, taps, build_noise(noise), pass_size=pass_size
        )
        return {key: map_rank(feature) for key, feature in maps.items()}

    own = ranks()
    with random_weights(denoiser.network):
        random = ranks()
    return {key: MapRank(own[key], random[key]) for key in own}
