# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Reward without labels: how well can the images of a batch be told apart?"""

import torch
from mmengine.dist import get_rank
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.models.rewards.base import Context, DataSamples, Reward, RewardOutput
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, positive
from mmdiffrep.utils.gather import gather_rows, require_two


@MODELS.register_module()
class InstanceDiscriminationReward(Reward):
    """Negative InfoNCE of the teacher features of a batch against themselves.

    The pooled features are normalized and compared with one another. The positive of an image is
    the image itself, whose similarity is always 1, so the reward is high where the others are
    dissimilar: at timesteps at which the features spread. It is the "common" reward of the official
    ``TaskCommon`` classifier (temperature 0.1, no projection). The images of all ranks are
    compared. The reward lies between ``-log(images)`` and 0.

    Args:
        in_channels (int): Channels of the teacher's feature.
        temperature (float): Divides the similarities. Defaults to 0.1 (official).
        projection (int, optional): Width of a linear projection that is trained with the same
            InfoNCE. Pooled features share a large mean, which makes all of them similar; a
            projection learns to take it out. All images train it, whatever ``holdout`` is: each is
            a key of the others. Defaults to None: no projection (official).
    """

    compares_images = True
    pools = True

    def __init__(
        self, in_channels: int, temperature: float = 0.1, projection: int | None = None
    ) -> None:
        super().__init__(in_channels)
        self.temperature = positive('temperature', temperature)
        if projection is not None:
            integer('projection', projection, 1)
        self.projection = None if projection is None else nn.Linear(in_channels, projection)

    def forward(
        self, feature: Tensor, data_samples: DataSamples = None, context: Context = None
    ) -> RewardOutput:
        """See :class:`Reward`.

        Raises:
            ValueError: One image on all ranks: there is nothing to tell it from.
        """
        with torch.autocast(feature.device.type, enabled=False):
            pooled = feature.detach().float().mean(dim=(2, 3))
            loss = self._info_nce(pooled if self.projection is None else self.projection(pooled))
        return RewardOutput(-loss.detach(), loss if self.learns else None)

    def _info_nce(self, vectors: Tensor) -> Tensor:
        """Return the InfoNCE ``(B,)`` of vectors ``(B, C)``, those of all ranks as keys."""
        queries = F.normalize(vectors, dim=1)
        keys = gather_rows(queries)
        require_two(self, keys)
        own = get_rank() * len(queries) + torch.arange(len(queries), device=queries.device)
        return F.cross_entropy(queries @ keys.T / self.temperature, own, reduction='none')
