# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion's trainable side: connectors, losses, timestep policies and their rewards."""

from collections.abc import Sequence

from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmdiffrep.models.distillers.feature_pair import FeaturePair
from mmdiffrep.models.distillers.timestep_branch import Reading, StudentFeatures, TimestepBranch
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class RepFusionDistiller(nn.Module):
    """Compares student with teacher features and trains the timestep policies.

    One policy is the rule. With several, each is a branch: it has its own pass of the teacher, its
    own distillation terms and its own reward; the connectors are shared. The official
    ``TaskCommon`` classifier has two, one rewarded by the task and one by instance discrimination.

    Args:
        pairs (list of dict): One dict a pair with ``loss`` and optionally ``standardize`` and
            ``connector``, see :class:`FeaturePair`.
        student_channels (sequence of sequence of int): Channels of the student's features, one
            sequence a pair.
        teacher_channels (sequence of int): Channels of the teacher's tap of every pair.
        policy (dict): Config of the timestep policy, or a dict of them by name.
        reward (dict, optional): Config of the reward, without ``in_channels``, or a dict of them by
            the name of the policy; it reads the last pair's teacher feature, as the official code
            does. Only for policies that learn.
        holdout (float): Share of the images that reward decoders never learn from; they alone
            reward the policies. Rewards without a decoder, and those that compare images, use all.
            In [0, 1). Defaults to 0, as officially.

    Raises:
        ValueError: Policies and rewards that do not go together, a policy for another number of
            pairs, or a holdout that no reward here can use.
    """

    def __init__(
        self,
        pairs: Sequence[dict],
        student_channels: Sequence[Sequence[int]],
        teacher_channels: Sequence[int],
        policy: dict,
        reward: dict | None = None,
        holdout: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= holdout < 1:
            raise ValueError(f'holdout must be in [0, 1), got {holdout}')
        self.pairs = nn.ModuleList(
            FeaturePair(cs, ct, name=f'pairs[{index}]', **pair)
            for index, (pair, cs, ct) in enumerate(zip(pairs, student_channels, teacher_channels))
        )
        named = by_branch(policy, reward)
        self.branch_names = tuple(named)
        self.branches = nn.ModuleList(
            TimestepBranch(*configs, in_channels=teacher_channels[-1], holdout=holdout)
            for configs in named.values()
        )
        for branch in self.branches:
            if branch.policy.num_pairs not in (None, len(self.pairs)):
                raise ValueError(
                    f'{type(branch.policy).__name__} has ranges for {branch.policy.num_pairs} '
                    f'pairs, but there are {len(self.pairs)}: give one a pair'
                )
        if holdout and not any(branch.holds_out for branch in self.branches):
            raise ValueError(
                f'holdout={holdout} keeps images from the decoder of a reward, but no policy here '
                'has such a reward: set holdout=0'
            )

    @property
    def needs_task(self) -> bool:
        """Whether a reward looks at the host's own loss."""
        return any(b.reward is not None and b.reward.needs_task for b in self.branches)

    def forward(
        self,
        student_feats: StudentFeatures,
        readings: Sequence[Reading],
        data_samples: list[BaseDataElement] | None,
        progress: float,
        task_loss: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the distillation terms.

        Args:
            student_feats (sequence): One tuple a pair, of maps ``(B, C, h, w)`` or vectors
                ``(B, C)``.
            readings (sequence of Reading): One a branch: what its policy drew, and one teacher
                feature a pair that was read there.
            data_samples (list, optional): The host's data samples; some rewards read labels there.
            progress (float): Share of the training with a teacher that is done, in [0, 1].
            task_loss (Tensor, optional): The host's own loss, a scalar, for rewards that ask for
                it.

        Returns:
            dict: Keys with ``loss`` are summed by mmengine (``loss_distill``, or one a pair with
            its index, ``loss_policy``, ``loss_decoder``); ``reward``, ``policy_entropy`` and
            ``timestep`` (batch means) are logged. The keys of a named branch begin with its name,
            as in ``task/loss_policy``.
        """
        losses = {}
        for name, branch, reading in zip(self.branch_names, self.branches, readings):
            terms = branch(self.pairs, student_feats, reading, data_samples, progress, task_loss)
            losses.update({f'{name}/{key}' if name else key: terms[key] for key in terms})
        return losses


def by_branch(policy: dict, reward: dict | None = None) -> dict[str, tuple[dict, dict | None]]:
    """Sorts the configs of policies and rewards by branch.

    Args:
        policy (dict): The config of one policy, with a ``type``, or a dict of them by name.
        reward (dict, optional): The same of rewards; a branch may lack one.

    Returns:
        dict: From branch name, ``''`` for a single policy, to policy and reward.

    Raises:
        ValueError: No config of a policy, or a reward for none of the policies.
    """
    if isinstance(policy, dict) and 'type' in policy:
        if reward is not None and not (isinstance(reward, dict) and 'type' in reward):
            raise ValueError(
                f'reward has no type, got {reward!r}: one policy takes one reward, '
                "dict(type='mmdiffrep....', ...)"
            )
        return {'': (policy, reward)}
    named = isinstance(policy, dict) and policy
    if not named or not all(isinstance(c, dict) and 'type' in c for c in policy.values()):
        raise ValueError(
            "policy must be dict(type='mmdiffrep....', ...), or a dict of such by name, as in "
            f'dict(task=dict(type=...), common=dict(type=...)); got {policy!r}'
        )
    rewards = reward or {}
    unknown = set(rewards) - set(policy)
    if unknown:
        raise ValueError(
            f'reward has the keys {sorted(rewards)}, but the policies are {sorted(policy)}: give '
            'each reward the name of its policy'
        )
    return {name: (config, rewards.get(name)) for name, config in policy.items()}
