# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion's reinforced timestep: REINFORCE over the timesteps, with a reward baseline."""

from typing import Dict, Optional

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from mmdiffrep.registry import MODELS

from .base import TimestepPolicy, TimestepSample

BASELINES = ('none', 'moving_average')


@MODELS.register_module()
class ReinforcedTimestep(TimestepPolicy):
    """Draws the timestep from a learned categorical distribution pi(t | x).

    The loss is ``-mean(log pi(t | x) * advantage) - coefficient * mean(entropy)`` with the
    advantage = reward - baseline, as in RepFusion (ICCV 2023, section 4.2). The official code has
    no baseline and a thousand actions; ``baseline='none', num_buckets=None`` reproduces it.

    Args:
        num_timesteps (int): The teacher's number of timesteps. Defaults to 1000.
        num_buckets (int, optional): Size of the action space. Neighbouring timesteps are nearly
            the same, so an action may stand for a bucket of them, drawn uniformly inside.
            Defaults to None: one action a timestep, as officially.
        net (dict, optional): Config of the network from images to logits; ``num_actions`` is
            filled in. Defaults to None: ``dict(type='mmdiffrep.PolicyNet')``.
        baseline (str): ``'moving_average'`` of the mean reward (the default) or ``'none'``.
        baseline_momentum (float): Weight of the new batch in the moving average. Defaults to 0.1.
        entropy (float): Coefficient of the entropy bonus at the start. Defaults to 0.1, the
            official value.
        entropy_until (float): The coefficient falls linearly to 0 by this share of the training.
            Defaults to 0.5, officially 100 of 200 epochs.
    """

    needs_reward = True

    def __init__(
        self,
        num_timesteps: int = 1000,
        num_buckets: Optional[int] = None,
        net: Optional[dict] = None,
        baseline: str = 'moving_average',
        baseline_momentum: float = 0.1,
        entropy: float = 0.1,
        entropy_until: float = 0.5,
    ) -> None:
        super().__init__()
        num_actions = num_timesteps if num_buckets is None else num_buckets
        if not 1 <= num_actions <= num_timesteps:
            raise ValueError(
                f'num_buckets must lie in [1, num_timesteps={num_timesteps}], got {num_buckets}'
            )
        if baseline not in BASELINES:
            raise ValueError(f'baseline must be one of {BASELINES}, got {baseline!r}')
        if not 0 < baseline_momentum <= 1:
            raise ValueError(f'baseline_momentum must be in (0, 1], got {baseline_momentum}')
        if not 0 < entropy_until <= 1:
            raise ValueError(f'entropy_until must be in (0, 1], got {entropy_until}')
        self.num_actions = num_actions
        self.max_timestep = num_timesteps - 1
        self.baseline = baseline
        self.baseline_momentum = baseline_momentum
        self.entropy = entropy
        self.entropy_until = entropy_until
        self.net = MODELS.build(
            {'type': 'mmdiffrep.PolicyNet', **(net or {}), 'num_actions': num_actions}
        )
        # Bucket a covers the timesteps [edges[a], edges[a + 1]).
        edges = torch.arange(num_actions + 1) * num_timesteps // num_actions
        self.register_buffer('edges', edges, persistent=False)
        self.register_buffer('mean_reward', torch.zeros((), dtype=torch.float64))
        self.register_buffer('num_rewards', torch.zeros((), dtype=torch.long))

    def log_probs(self, images: Tensor) -> Tensor:
        """Returns log pi(a | x), float32 ``(B, num_actions)``, for RGB images in [-1, 1]."""
        with torch.autocast(images.device.type, enabled=False):
            return self.net(images.float()).log_softmax(dim=1)

    def forward(
        self, images: Tensor, *, uniform: Optional[Tensor] = None, progress: float = 0.0
    ) -> TimestepSample:
        """See :class:`TimestepPolicy`."""
        log_probs = self.log_probs(images)
        probs = log_probs.exp()
        cumulative = probs.detach().double().cumsum(dim=1)
        # Inverse CDF; scaling by the last entry keeps rounding from leaving the last action out.
        point = self.chance(images, uniform)[:, None] * cumulative[:, -1:]
        action = torch.searchsorted(cumulative, point, right=True)[:, 0]
        action = action.clamp(max=self.num_actions - 1)
        # What is left of the chance inside the chosen action picks the timestep in its bucket.
        upper = cumulative.gather(1, action[:, None])[:, 0]
        width = probs.detach().double().gather(1, action[:, None])[:, 0]
        rest = (1 - (upper - point[:, 0]) / width.clamp(min=1e-12)).clamp(0, 1 - 1e-6)
        low, high = self.edges[action], self.edges[action + 1]
        t = low + (rest * (high - low)).long()
        return TimestepSample(
            t=t,
            log_prob=log_probs.gather(1, action[:, None])[:, 0],
            entropy=-(probs * log_probs).sum(dim=1),
        )

    def loss(self, sample: TimestepSample, reward: Tensor, *, progress: float) -> Dict[str, Tensor]:
        """REINFORCE with baseline and entropy bonus.

        Args:
            sample (TimestepSample): What :meth:`forward` drew, ``(B,)`` each.
            reward (Tensor): Reward of every image, ``(B,)``; no gradient flows into it.
            progress (float): Share of the training that is done, in [0, 1].

        Returns:
            dict: ``loss_policy``, and ``policy_entropy`` in nats for the log.
        """
        reward = reward.detach().float()
        advantage = reward - self._baseline(reward)
        coefficient = self.entropy * max(0.0, 1.0 - progress / self.entropy_until)
        entropy = sample.entropy.mean()
        loss = -(sample.log_prob * advantage).mean() - coefficient * entropy
        return {'loss_policy': loss, 'policy_entropy': entropy.detach()}

    def _baseline(self, reward: Tensor) -> Tensor:
        """Returns the baseline of this batch and updates it; the same on every rank."""
        if self.baseline == 'none':
            return reward.new_zeros(())
        mean = reward.double().mean()
        all_reduce(mean, op='mean')
        # Not an `if` on the counter: reading it would wait for the device.
        self.mean_reward.copy_(torch.where(self.num_rewards == 0, mean, self.mean_reward))
        baseline = self.mean_reward.float().clone()
        self.mean_reward.lerp_(mean.to(self.mean_reward), self.baseline_momentum)
        self.num_rewards += 1
        return baseline
