# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Reward by the student: does imitating the teacher at t help its own task?"""

import torch
from torch import Tensor

from mmdiffrep.models.rewards.base import Context, DataSamples, Reward, RewardOutput, StudentContext
from mmdiffrep.registry import MODELS

# GradScaler's initial scale: small gradients survive layers in float16.
SCALE = 2.0**16


@MODELS.register_module()
class StudentGainReward(Reward):
    """Cosine between the task's and the distillation's gradient at the student's feature.

    A small step against the distillation loss changes the task's loss by minus the step times the
    product of the two gradients. So the reward is, to first order, what the student's own task
    gains from imitating the teacher at this timestep; the cosine makes it independent of the scale
    of the teacher's feature, which differs between timesteps. It lies in [-1, 1]. An image whose
    feature has no gradient from the task, such as one without labels, does not count. The same
    product decides when an auxiliary loss helps in Du et al., "Adapting Auxiliary Losses Using
    Gradient Similarity" (2018).

    The official ``StudentOriented`` classifier rewards a timestep one step later with the residual
    of a least-squares fit of the labels on the student's features. It cannot run: it hands integer
    one-hot targets to ``lstsq``, and takes its residuals, one per class or none at all, for one per
    image. A fit on one batch would be exact anyway as soon as there are more channels than images.
    The gradients are known in the same step, for every image, and leave no state to resume.

    It needs a host with a loss of its own, so no labels beyond the host's, and no decoder. The
    task's head has to learn: not for the phase ``'distill'``.

    Args:
        in_channels (int): Channels of the teacher's feature.
    """

    needs_task = True
    pools = True

    def forward(
        self, feature: Tensor, data_samples: DataSamples = None, context: Context = None
    ) -> RewardOutput:
        """See :class:`Reward`.

        Raises:
            ValueError: The host has no loss, or one that does not depend on the student's feature.
        """
        if context is None or context.task_loss is None:
            raise ValueError(
                'StudentGainReward asks what the task gains, but the model has no loss of its own '
                '(a distill-only student?): use reward=dict(type='
                "'mmdiffrep.InstanceDiscriminationReward')"
            )
        wanted = self._gradient(context.task_loss, context)
        given = self._gradient(context.distill_loss, context)
        if not any(gradient is not None for gradient in wanted):
            raise ValueError(
                'StudentGainReward: the loss of the model does not depend on the student layers of '
                'the last pair: tap a layer that its head reads'
            )
        pairs = [(w, g) for w, g in zip(wanted, given) if w is not None and g is not None]
        task, distill = (
            torch.cat([gradient.flatten(1).float() for gradient in gradients], dim=1)
            for gradients in zip(*pairs)
        )
        cosine = torch.cosine_similarity(task, distill, dim=1, eps=1e-20)
        # An image without labels leaves the task's loss unmoved.
        return RewardOutput(cosine.nan_to_num(nan=0.0), counted=(task != 0).any(dim=1))

    @staticmethod
    def _gradient(loss: Tensor, context: StudentContext) -> tuple[Tensor | None, ...]:
        """Return the gradient up to a factor, which the cosine ignores."""
        for scale in (SCALE, 1.0):  # 1: float16 cannot hold it scaled
            gradients = torch.autograd.grad(
                loss * scale, context.features, retain_graph=True, allow_unused=True
            )
            if all(gradient is None or gradient.isfinite().all() for gradient in gradients):
                break
        return gradients
