# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion's reinforced timestep: REINFORCE over the timesteps, with a reward baseline."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.models.timestep_policies.base import Draws, TimestepPolicy, TimestepSample
from mmdiffrep.models.timestep_policies.reward_statistics import RewardReference, RewardStatistics
from mmdiffrep.registry import MODELS, build_part
from mmdiffrep.utils.checks import (
    at_least,
    integer,
    list_of,
    of_type,
    one_given,
    one_of,
    rising,
    within,
)

BASELINES = ('none', 'moving_average', 'batch_mean', 'per_timestep', 'leave_one_out')


@MODELS.register_module()
class ReinforcedTimestep(TimestepPolicy):
    """Draws the timestep from a learned categorical distribution pi(t | x).

    The loss is ``-mean(log pi(t | x) * advantage) - coefficient * mean(entropy)`` with the
    advantage = reward - baseline, as in RepFusion (ICCV 2023, section 4.2). The official code has
    no baseline and a thousand actions; ``baseline='none', num_buckets=None`` reproduces it.

    The baselines leave the expected gradient as it is (``'batch_mean'`` with one exception) and
    lower its variance:

    - ``'none'``: the reward itself (official);
    - ``'moving_average'``: the moving mean of all rewards;
    - ``'batch_mean'``: the mean reward of the batch's other draws. It keeps up with rewards that
      rise while their decoder learns; a moving mean lags behind, so that whatever is drawn looks
      better than before and becomes more likely, good or not. Without another draw that counts it
      is the moving mean. Not for a reward that compares the images of a batch
      (:class:`InstanceDiscriminationReward`): there a draw changes the rewards of the others, and
      their mean takes away a part of its worth;
    - ``'per_timestep'``: the moving mean b(t) of the rewards of that action, the mean of all for
      an action that was never drawn. Alone it would take away what makes one timestep better than
      another, so its expectation goes back in: the gradient is that of
      ``log pi(t | x) (R - b(t)) + sum_t pi(t | x) b(t)``, a control variate;
    - ``'leave_one_out'``: the mean reward of the image's other draws (RLOO, Kool et al. 2019).

    With ``exploration`` the draws follow mu = (1 - eps) pi + eps / actions, so that the reward's
    decoder sees every timestep, and each is weighted by pi / mu: the gradient is still pi's own.

    Args:
        num_timesteps (int): The teacher's number of timesteps. Defaults to 1000.
        num_buckets (int, optional): Size of the action space. Neighboring timesteps are nearly
            the same, so an action may stand for a bucket of them, drawn uniformly inside.
            Defaults to None: one action per timestep (official).
        timesteps (sequence of int, optional): The actions are these timesteps alone, ascending:
            those of a bank of features, each standing for the timesteps around it; instead of
            ``num_buckets``. Defaults to None.
        net (dict, optional): Config of the network from images to logits; ``num_actions`` is
            filled in. Defaults to None: ``dict(type='mmdiffrep.PolicyNet')`` (official for 64 px:
            ``convolutions=3``).
        baseline (str): ``'none'`` (official), ``'moving_average'``, ``'batch_mean'``,
            ``'per_timestep'`` or ``'leave_one_out'``. Defaults to ``'batch_mean'``.
        baseline_momentum (float): Weight of the new batch in the moving means, in (0, 1].
            Defaults to 0.1.
        num_samples (int): Timesteps drawn per image; the teacher reads all of them in one pass;
            ``'leave_one_out'`` needs at least 2. Defaults to 1 (official).
        standardize_reward (bool): Divide the advantage by the moving standard deviation of the
            rewards, this batch's included, so that entropy coefficient and learning rate mean the
            same for every reward. Defaults to False (official).
        exploration (float): The share eps of uniform draws, in [0, 1). Defaults to 0 (official).
        warmup (float): The share of the training with a teacher, in [0, 1), in which the policy
            does not learn and draws as it was initialized, nearly uniformly, while the reward's
            decoder learns: what an untrained decoder finds easy says little about the task.
            Defaults to 0 (official).
        entropy (float): Coefficient of the entropy bonus at the start. Defaults to 0.1
            (official).
        entropy_until (float): The coefficient falls linearly to 0 by this share of the training
            with a teacher, from the end of the warm-up on. Defaults to 0.5 (official: 100 of 200
            epochs).

    Raises:
        TypeError, ValueError: An argument of another type or out of its range.
    """

    needs_reward = True

    def __init__(
        self,
        num_timesteps: int = 1000,
        num_buckets: int | None = None,
        timesteps: Sequence[int] | None = None,
        net: dict | None = None,
        baseline: str = 'batch_mean',
        baseline_momentum: float = 0.1,
        num_samples: int = 1,
        standardize_reward: bool = False,
        exploration: float = 0.0,
        warmup: float = 0.0,
        entropy: float = 0.1,
        entropy_until: float = 0.5,
    ) -> None:
        super().__init__()
        integer('num_timesteps', num_timesteps, 1)
        if timesteps is not None:
            one_given('ReinforcedTimestep', timesteps=timesteps, num_buckets=num_buckets)
            rising('timesteps', list_of('timesteps', timesteps, int), 0)
            within('the last of timesteps', timesteps[-1], 0, num_timesteps - 1)
            num_buckets = len(timesteps)
        num_actions = num_timesteps if num_buckets is None else num_buckets
        integer('num_buckets', num_actions)
        within('num_buckets (of num_timesteps)', num_actions, 1, num_timesteps)
        within('num_samples (of num_buckets)', integer('num_samples', num_samples), 1, num_actions)
        if one_of('baseline', baseline, BASELINES) == 'leave_one_out' and num_samples == 1:
            raise ValueError(
                "baseline='leave_one_out' compares a draw with the image's other draws: give "
                'num_samples of at least 2, or another baseline.'
            )
        within('baseline_momentum', baseline_momentum, 0, 1, open_low=True)
        within('exploration', exploration, 0, 1, open_high=True)
        within('warmup', warmup, 0, 1, open_high=True)
        within('entropy_until (above warmup)', entropy_until, warmup, 1, open_low=True)
        at_least('entropy', entropy, 0)
        of_type('standardize_reward', standardize_reward, bool)
        self.num_actions = num_actions
        self.max_timestep = num_timesteps - 1 if timesteps is None else timesteps[-1]
        self.num_samples = num_samples
        self.baseline = baseline
        self.standardize_reward = standardize_reward
        self.exploration = exploration
        self.warmup = warmup
        self.entropy = entropy
        self.entropy_until = entropy_until
        net = {'type': 'mmdiffrep.PolicyNet', **(of_type('net', net, dict, type(None)) or {})}
        self.net = build_part(MODELS, net, 'net', num_actions=num_actions)
        # Action a covers the timesteps [lows[a], lows[a] + widths[a]).
        edges = torch.arange(num_actions + 1) * num_timesteps // num_actions
        lows, widths = edges[:-1], edges.diff()
        if timesteps is not None:
            lows, widths = torch.tensor(timesteps), torch.ones_like(widths)
        self.register_buffer('lows', lows, persistent=False)
        self.register_buffer('widths', widths, persistent=False)
        self.statistics = RewardStatistics(
            baseline_momentum, num_actions if baseline == 'per_timestep' else None
        )

    @property
    def timesteps(self) -> tuple[int, ...]:
        """See :class:`TimestepPolicy`."""
        return tuple(
            t
            for low, width in zip(self.lows.tolist(), self.widths.tolist())
            for t in range(low, low + width)
        )

    @property
    def mean_reward(self) -> Tensor:
        """Moving mean of the rewards so far, a scalar."""
        return self.statistics.mean.float()

    def log_probs(self, images: Tensor) -> Tensor:
        """Return log pi(a | x), float32 ``(B, num_actions)``, for images ``(B, 3, H, W)``."""
        with torch.autocast(images.device.type, enabled=False):
            return self.net(images.float()).log_softmax(dim=1)

    @torch.no_grad()
    def timestep_probs(self, images: Tensor) -> Tensor:
        """Return pi(t | x) of every timestep, float32 ``(B, max_timestep + 1)``."""
        drawn = (self.log_probs(images).exp() / self.widths).repeat_interleave(self.widths, dim=1)
        probs = drawn.new_zeros(len(images), self.max_timestep + 1)
        probs[:, list(self.timesteps)] = drawn
        return probs

    def forward(self, images: Tensor, draws: Draws) -> TimestepSample:
        """See :class:`TimestepPolicy`.

        Raises:
            ValueError: More draws per image than images.
        """
        if self.num_samples > len(images):
            raise ValueError(
                f'num_samples={self.num_samples} draws per image, but the batch has '
                f'{len(images)} images: another image tells the policy more than another draw; '
                'lower num_samples, raise the batch size, or leave out a small last batch with '
                'train_dataloader.drop_last=True'
            )
        if self.warmup:
            # Without a gradient the optimizer skips it: no moments, no weight decay either.
            self.net.requires_grad_(draws.progress >= self.warmup)
        log_probs = self.log_probs(images)
        probs = log_probs.detach().exp().double()
        behavior = (1 - self.exploration) * probs + self.exploration / self.num_actions
        uniforms = draws.uniforms.view(self.num_samples, -1).T
        action, rest = self._invert(behavior, uniforms)
        t = self.lows[action] + (rest * self.widths[action]).long()
        weight = None
        if self.exploration:
            weight = (probs.gather(1, action) / behavior.gather(1, action)).float()
        return TimestepSample(
            t=t.T.flatten(),
            log_prob=log_probs.gather(1, action).T.flatten(),
            entropy=-(log_probs.exp() * log_probs).sum(dim=1),
            weight=None if weight is None else weight.T.flatten(),
            action=action.T.flatten(),
            log_probs=log_probs,
        )

    @staticmethod
    def _invert(probs: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        """Turn numbers in [0, 1) ``(B, k)`` into actions and the place in [0, 1) inside them."""
        cumulative = probs.cumsum(dim=1)
        # Scaling by the last entry keeps rounding from leaving the last action out.
        point = uniforms * cumulative[:, -1:]
        action = torch.searchsorted(cumulative, point.contiguous(), right=True)
        action = action.clamp(max=probs.shape[1] - 1)
        upper, width = cumulative.gather(1, action), probs.gather(1, action)
        rest = (1 - (upper - point) / width.clamp(min=1e-12)).clamp(0, 1 - 1e-6)
        return action, rest

    def loss(
        self, sample: TimestepSample, reward: Tensor, progress: float, counted: Tensor | None = None
    ) -> dict[str, Tensor]:
        """REINFORCE with baseline and entropy bonus; see :class:`TimestepPolicy`.

        Returns:
            dict: ``loss_policy``, and ``policy_entropy`` in nats for the log.
        """
        reward = reward.detach().float()
        if counted is None:
            counted = torch.ones_like(reward, dtype=torch.bool)
        known = self.statistics.update(reward, counted, sample.weight, sample.action)
        advantage = reward - self._baseline(sample, reward, known)
        weight = 1.0 if sample.weight is None else sample.weight
        gain = weight * sample.log_prob * advantage
        if self.baseline == 'per_timestep':
            # The mean is left out: its expectation is constant.
            expected = sample.log_probs.exp() @ known.offset
            gain = gain + expected.repeat(self.num_samples)
        gain = (gain * counted).sum() / known.count.clamp(min=1e-6)
        if self.standardize_reward:
            gain = gain / known.std
        learned = max(0.0, progress - self.warmup) / (self.entropy_until - self.warmup)
        coefficient = self.entropy * max(0.0, 1.0 - learned)
        entropy = sample.entropy.mean()
        return {
            'loss_policy': -gain - coefficient * entropy,
            'policy_entropy': entropy.detach(),
        }

    def _baseline(self, sample: TimestepSample, reward: Tensor, known: RewardReference) -> Tensor:
        """Return what a reward of each draw is compared with, a scalar or ``(D,)``."""
        if self.baseline == 'none':
            return torch.zeros_like(known.mean)
        if self.baseline == 'batch_mean':
            return known.others
        if self.baseline == 'per_timestep':
            return known.mean + known.offset[sample.action]
        if self.baseline == 'leave_one_out':
            draws = reward.view(self.num_samples, -1)
            return ((draws.sum(dim=0) - draws) / (self.num_samples - 1)).flatten()
        return known.mean
