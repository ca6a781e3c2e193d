# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Reward of a classification run: cross-entropy of an MLP on the pooled teacher feature."""

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.models.rewards.decoder import DecoderReward
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, of_shape


@MODELS.register_module()
class ClassificationReward(DecoderReward):
    """Cross-entropy of a three-layer MLP on the pooled feature (the official decoder).

    It reads ``gt_score`` (soft labels, as Mixup and CutMix write them) where a sample has one, and
    ``gt_label`` otherwise. An image has one label: several at once are refused. An image with
    neither does not count.

    Args:
        in_channels (int): Channels d of the teacher's feature.
        num_classes (int): Number of classes, at least 2.
        hidden_channels (int, optional): Width of both hidden layers. Defaults to None: d. Official:
            d for 32 px (d = 256 on CIFAR-10), d / 2 for 64 px (d = 768 on Tiny-ImageNet).

    Raises:
        ValueError: Fewer than 2 classes, or hidden layers without a channel.
    """

    label_fields = ('gt_label', 'gt_score')
    pools = True

    def __init__(
        self, in_channels: int, num_classes: int, hidden_channels: int | None = None
    ) -> None:
        super().__init__(in_channels)
        self.num_classes = integer(f'{type(self).__name__}: num_classes', num_classes, 2)
        hidden = in_channels if hidden_channels is None else hidden_channels
        integer('hidden_channels', hidden, 1)
        self.decoder = nn.Sequential(
            nn.Linear(in_channels, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, num_classes),
        )

    def task_loss(
        self, feature: Tensor, data_samples: list[BaseDataElement]
    ) -> tuple[Tensor, Tensor]:
        """See :class:`DecoderReward`."""
        logits = self.decoder(feature.mean(dim=(2, 3)))
        if all('gt_score' in sample for sample in data_samples):
            target = torch.stack([sample.gt_score for sample in data_samples]).to(logits)
            self._check_scores(target)
        else:
            labels = self.collect(data_samples, 'gt_label')
            several = [i for i, label in enumerate(labels) if label.numel() != 1]
            if several:
                raise ValueError(
                    'ClassificationReward needs one label per image, but samples '
                    f'{several} of this batch have another number: it does not suit multi-label '
                    'heads.'
                )
            target = torch.cat([label.view(1) for label in labels]).to(logits.device)
            self.check_labels(target[:, None], self.num_classes, data_samples)
        loss = F.cross_entropy(logits, target, reduction='none')
        return loss, torch.ones_like(loss, dtype=torch.bool)

    def _check_scores(self, scores: Tensor) -> None:
        of_shape('`gt_score` of num_classes columns', scores, len(scores), self.num_classes)
        if not self.checks_labels():
            return
        lowest, total = scores.amin(dim=1), scores.sum(dim=1)
        bad = ((lowest < 0) | ((total - 1).abs() > 1e-3)).nonzero().flatten().tolist()
        if bad:
            raise ValueError(
                'ClassificationReward needs a `gt_score` without negative entries that adds up to '
                f'1 over the classes; that of sample {bad[0]} of this batch has the minimum '
                f'{lowest[bad[0]]:g} and the sum {total[bad[0]]:g} ({len(bad)} such samples): it '
                'does not suit multi-label heads.'
            )
