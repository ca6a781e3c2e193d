# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Reward of a landmark run: heatmap error of a light dense decoder."""

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.rewards.decoder import KeypointReward
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import equal


@MODELS.register_module()
class HeatmapReward(KeypointReward):
    """Weighted squared error of the heatmaps that two 1x1 convolutions predict.

    The error is summed over a heatmap and averaged over the keypoints that count: the mean over
    pixels would be tiny, most of them being zero, and so would be the reward's differences. An
    image without a keypoint that counts does not count.

    Args:
        in_channels (int): Channels of the teacher's feature.
        num_keypoints (int): Number of heatmaps.
        hidden_channels (int): Width of the decoder. Defaults to 64.
    """

    label_fields = ('gt_fields', 'gt_instance_labels')

    def task_loss(
        self, feature: Tensor, data_samples: list[BaseDataElement]
    ) -> tuple[Tensor, Tensor]:
        """See :class:`DecoderReward`."""
        self._check_targets(data_samples)
        fields = self.collect(data_samples, 'gt_fields')
        target = torch.stack([field.heatmaps for field in fields]).to(feature)
        equal('num_keypoints of the heatmaps', target.shape[1], self.num_keypoints)
        heatmaps = F.interpolate(
            self.decoder(feature), size=target.shape[-2:], mode='bilinear', align_corners=False
        )
        error = (heatmaps - target).square().sum(dim=(2, 3))
        return self.average(error, self.collect(data_samples, 'gt_instance_labels'))

    @staticmethod
    def _check_targets(data_samples: list[BaseDataElement]) -> None:
        """Name targets of other kinds of heads: SimCC, regression, several levels."""
        for sample in data_samples:
            heatmaps = getattr(sample.get('gt_fields'), 'heatmaps', None)
            if isinstance(heatmaps, Tensor):
                continue
            labels = sample.get('gt_instance_labels')
            if labels is not None or heatmaps is not None:
                found = [] if labels is None else sorted(labels.keys())
                raise ValueError(
                    'HeatmapReward needs one tensor of heatmaps in `gt_fields`, but the targets '
                    f'are {found or type(heatmaps).__name__} (of a SimCC, regression or multi-'
                    "level head?): give reward=dict(type='mmdiffrep.SimCCReward', ...) or one that "
                    "needs no labels, 'mmdiffrep.InstanceDiscriminationReward'"
                )
