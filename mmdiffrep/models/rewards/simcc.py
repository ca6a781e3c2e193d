# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Reward of a landmark run with a SimCC head (RTMPose): error of the x and y distributions."""

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.rewards.decoder import KeypointReward
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import equal


@MODELS.register_module()
class SimCCReward(KeypointReward):
    """Kullback-Leibler divergence from SimCC labels, of maps that two 1x1 convolutions predict.

    A map is taken as a distribution over its pixels. Its two marginals, resized to the labels'
    number of bins, are compared with the labels of x and y
    (`SimCC <https://arxiv.org/abs/2107.03332>`_, with Gaussian smoothing), and the divergences are
    averaged over the keypoints that count. An image without any does not count.

    Args:
        in_channels (int): Channels of the teacher's feature.
        num_keypoints (int): Number of keypoints.
        hidden_channels (int): Width of the decoder. Defaults to 64.
    """

    label_fields = ('gt_instance_labels',)

    def task_loss(
        self, feature: Tensor, data_samples: list[BaseDataElement]
    ) -> tuple[Tensor, Tensor]:
        """See :class:`DecoderReward`."""
        labels = self.collect(data_samples, 'gt_instance_labels')
        maps = self.decoder(feature)
        # The marginals of a softmax over all pixels, up to a constant.
        error = self._divergence(maps.logsumexp(dim=2), labels, 'keypoint_x_labels')
        error = error + self._divergence(maps.logsumexp(dim=3), labels, 'keypoint_y_labels')
        return self.average(error, labels)

    def _divergence(self, logits: Tensor, labels: list[BaseDataElement], field: str) -> Tensor:
        """Compare ``(B, K, n)`` with labels ``(1, K, bins)`` per image; return ``(B, K)``."""
        if any(field not in label or label.get(field).dim() != 3 for label in labels):
            raise ValueError(
                f'SimCCReward needs `{field}` (1, K, bins) in the `gt_instance_labels` of every '
                "data sample, as mmpose's SimCCLabel writes them with smoothing_type='gaussian'"
            )
        target = torch.cat([label.get(field) for label in labels]).to(logits)
        equal('num_keypoints of the labels', target.shape[1], self.num_keypoints)
        target = target / target.sum(dim=2, keepdim=True).clamp(min=1e-6)
        logits = F.interpolate(logits, size=target.shape[2], mode='linear', align_corners=False)
        return F.kl_div(logits.log_softmax(dim=2), target, reduction='none').sum(dim=2)
