# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Reward of a segmentation run: pixel cross-entropy of a light dense decoder."""

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.rewards.decoder import DecoderReward, conv_decoder
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer


@MODELS.register_module()
class SegmentationReward(DecoderReward):
    """Mean pixel cross-entropy of two 1x1 convolutions, resized to the label map.

    The official code has no reward for dense tasks; this is the counterpart of its MLP, applied
    at every pixel. Ignored pixels do not count, nor do images with nothing else.

    Args:
        in_channels (int): Channels of the teacher's feature.
        num_classes (int): Number of classes, at least 2.
        hidden_channels (int): Width of the decoder. Defaults to 64.
        ignore_index (int): Label that does not count. Defaults to 255.
    """

    label_fields = ('gt_sem_seg',)

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        hidden_channels: int = 64,
        ignore_index: int = 255,
    ) -> None:
        super().__init__(in_channels)
        self.num_classes = integer(f'{type(self).__name__}: num_classes', num_classes, 2)
        self.ignore_index = integer('ignore_index', ignore_index)
        self.decoder = conv_decoder(in_channels, hidden_channels, num_classes)

    def task_loss(
        self, feature: Tensor, data_samples: list[BaseDataElement]
    ) -> tuple[Tensor, Tensor]:
        """See :class:`DecoderReward`."""
        maps = self.collect(data_samples, 'gt_sem_seg')
        labels = torch.cat([label.data for label in maps]).to(feature.device).long()
        self.check_labels(labels, self.num_classes, data_samples, ignore=self.ignore_index)
        logits = F.interpolate(
            self.decoder(feature), size=labels.shape[-2:], mode='bilinear', align_corners=False
        )
        loss = F.cross_entropy(logits, labels, reduction='none', ignore_index=self.ignore_index)
        count = (labels != self.ignore_index).sum(dim=(1, 2))
        return loss.sum(dim=(1, 2)) / count.clamp(min=1), count > 0
