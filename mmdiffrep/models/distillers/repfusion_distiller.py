# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Everything that RepFusion trains besides the student: connectors, policies, reward decoders."""

from collections.abc import Iterator, Sequence

from torch import nn

from mmdiffrep.models.distillers.feature_pair import FeaturePair
from mmdiffrep.models.rewards.base import Reward
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.timestep_policies.base import TimestepPolicy
from mmdiffrep.registry import MODELS, build_part
from mmdiffrep.utils.checks import equal, has_type, list_of, of_type, one_of, within


class TimestepBranch(nn.Module):
    """A timestep policy and its reward.

    Args:
        policy (dict): Config of the timestep policy.
        reward (dict, optional): Config of the reward, without ``in_channels``; only for a policy
            that learns, since the decoder of any other would be an unused parameter.
        in_channels (int): Channels of the teacher's feature that the reward reads.
        holdout (float): Share of the images that the reward's decoder never learns from; they
            alone reward the policy. Without effect for a reward without a decoder, or for one
            that compares images. Defaults to 0: all images do both (official).

    Raises:
        ValueError: A policy that learns without a reward, a reward for a policy that does not
            learn, or a config of something else than a policy and a reward.
    """

    def __init__(
        self, policy: dict, reward: dict | None, in_channels: int, holdout: float = 0.0
    ) -> None:
        super().__init__()
        self.policy: TimestepPolicy = _build(policy, TimestepPolicy, 'policy')
        self.reward: Reward | None = None
        if self.policy.needs_reward and reward is None:
            raise ValueError(
                f'{type(self.policy).__name__} needs a reward: give the hook '
                "reward=dict(type='mmdiffrep.ClassificationReward' | "
                "'mmdiffrep.SegmentationReward' | 'mmdiffrep.HeatmapReward' | "
                "'mmdiffrep.InstanceDiscriminationReward' | 'mmdiffrep.StudentGainReward', ...)."
            )
        if reward is not None and not self.policy.needs_reward:
            raise ValueError(
                f'{type(self.policy).__name__} learns nothing, so the reward {dict(reward)} is '
                'never used: leave it out, or give '
                "policy=dict(type='mmdiffrep.ReinforcedTimestep')."
            )
        if reward is not None:
            self.reward = _build(reward, Reward, 'reward', in_channels=in_channels)
        can_hold_out = (
            self.reward is not None and self.reward.learns and not self.reward.compares_images
        )
        self.holdout = holdout if can_hold_out else 0.0


@MODELS.register_module()
class RepFusionDistiller(nn.Module):
    """Holds what compares student with teacher features, and the timestep policies.

    Most runs have one policy. With several, each is a branch: it reads the teacher at its own
    timesteps and has its own distillation terms and reward; the connectors are shared. The
    official ``TaskCommon`` classifier has two branches, rewarded by the task and by instance
    discrimination. :mod:`mmdiffrep.engine.distillation.step` computes with it.

    Args:
        pairs (list of dict): One dict per pair with ``loss`` and other arguments of
            :class:`FeaturePair`.
        student_channels (sequence of sequence of int): Channels of the student's features, one
            sequence per pair.
        teacher_channels (sequence of int): Channels of the teacher's tap of every pair.
        policy (dict): Config of the timestep policy, or a dict of them by name.
        reward (dict, optional): Config of the reward, without ``in_channels``, or a dict of them by
            the name of the policy; it reads the last pair's teacher feature (official). Only for
            policies that learn.
        holdout (float): Share of the images, in [0, 1), that reward decoders never learn from; they
            alone reward the policies. Rewards without a decoder, and those that compare images,
            use all. Defaults to 0 (official).
        pyramid (dict, optional): Config of a connector from several student layers to several maps,
            which pairs share, with the ``in_channels`` of those layers. Defaults to None.
        levels (sequence, optional): Which of its maps every pair compares; None for a pair that
            compares its own student layers. Defaults to None: none.

    Attributes:
        pairs (ModuleList): Comparisons, in the order of the config.
        branches (ModuleList): One :class:`TimestepBranch` per policy.
        branch_names (tuple of str): Their names, ``''`` for a single policy.

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
        pyramid: dict | None = None,
        levels: Sequence[int | None] | None = None,
    ) -> None:
        super().__init__()
        within('holdout', holdout, 0, 1, open_high=True)
        self.pyramid = None if pyramid is None else MODELS.build(pyramid)
        if self.pyramid is not None:
            student_channels = [
                own if level is None else (self.pyramid.channels,)
                for own, level in zip(student_channels, levels or ())
            ]
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
        for _, branch in self.named_branches():
            name, num_ranges = type(branch.policy).__name__, branch.policy.num_pairs
            if num_ranges is not None:
                equal(f'The number of ranges of {name}', num_ranges, len(self.pairs))
        if holdout and not any(branch.holdout for _, branch in self.named_branches()):
            raise ValueError(
                f'holdout={holdout} keeps images from the decoder of a reward, but no policy here '
                'has such a reward: set holdout=0.'
            )

    def named_branches(self) -> Iterator[tuple[str, TimestepBranch]]:
        """Yield the branches with their names."""
        for name, branch in zip(self.branch_names, self.branches):
            assert isinstance(branch, TimestepBranch)
            yield name, branch

    @property
    def needs_task(self) -> bool:
        """Return whether a reward looks at the host's own loss."""
        rewards = [branch.reward for _, branch in self.named_branches()]
        return any(reward is not None and reward.needs_task for reward in rewards)

    def fit_timesteps(self, teacher: Teacher) -> None:
        """Let the policies adapt to a diffusion model, then check what they can draw.

        Raises:
            ValueError: A policy draws timesteps that the teacher does not have.
        """
        denoiser = getattr(teacher, 'denoiser', None)
        for policy in (branch.policy for _, branch in self.named_branches()):
            if denoiser is not None:
                policy.fit(denoiser.schedule, teacher.size)
        self.check_timesteps(type(teacher).__name__, teacher.num_timesteps, teacher.timesteps)

    def check_drop(self) -> None:
        """Check that no policy needs a teacher that may be left out of a step.

        Raises:
            ValueError: One does.
        """
        for policy in (branch.policy for _, branch in self.named_branches()):
            if policy.needs_reward or policy.num_pairs is not None:
                raise ValueError(
                    f'{type(policy).__name__} reads a certain pair in every step: set drop=0 of '
                    'the teachers, or take another policy.'
                )

    def check_timesteps(
        self, teacher: str, num_timesteps: int | None, only: Sequence[int] | None = None
    ) -> None:
        """Check that the policies draw only timesteps that the teacher has.

        Args:
            teacher (str): Class of the teacher, for the message.
            num_timesteps (int, optional): Its number of timesteps; None: it has none.
            only (sequence of int, optional): The only ones that it can be read at. Defaults to
                None: all.

        Raises:
            ValueError: A policy draws others.
        """
        for policy in (branch.policy for _, branch in self.named_branches()):
            if num_timesteps is None and (policy.needs_reward or policy.max_timestep > 0):
                raise ValueError(
                    f'{teacher} has no timesteps, so {type(policy).__name__} has nothing to '
                    'choose: leave out policy, or take a diffusion model as the teacher.'
                )
            if num_timesteps is not None:
                name = f'The last t of the policy (the teacher has {num_timesteps} timesteps)'
                within(name, policy.max_timestep, 0, num_timesteps - 1)
            lacking = set(policy.timesteps) - set(policy.timesteps if only is None else only)
            if lacking:
                raise ValueError(
                    f'the policy can draw t = {min(lacking)}, but the {teacher} has only '
                    f'{_few(only)}: give FixedTimestep one of these, or '
                    "dict(type='mmdiffrep.ReinforcedTimestep', timesteps=[...]) these as actions; "
                    'or build the bank again for this policy.'
                )

    def check_pools(self) -> None:
        """Check that all losses and rewards can do with the averages of the teacher's maps.

        Raises:
            ValueError: One needs whole maps.
        """
        needy = [pair.loss for pair in self.pairs if not pair.loss.pools]
        needy += [b.reward for _, b in self.named_branches() if b.reward and not b.reward.pools]
        if needy:
            kinds = ', '.join(sorted({type(module).__name__ for module in needy}))
            raise ValueError(
                f'the bank of the teacher stores averages (pool), but {kinds} needs whole maps: '
                'build it with pool=None.'
            )


def by_branch(policy: dict, reward: dict | None = None) -> dict[str, tuple[dict, dict | None]]:
    """Sort the configs of policies and rewards by branch.

    Args:
        policy (dict): The config of one policy, with a ``type``, or a dict of them by name.
        reward (dict, optional): The same of rewards; a branch may lack one.

    Returns:
        dict: From branch name, ``''`` for a single policy, to policy and reward.

    Raises:
        ValueError: Not the config of a policy, or a reward for none of the policies.
    """
    if isinstance(policy, dict) and 'type' in policy:
        if reward is not None:
            has_type('the reward of one policy', reward)
        return {'': (policy, reward)}
    if not of_type('policy', policy, dict):
        raise ValueError('policy must be dict(type=...), or several of them by name; got {}.')
    list_of('policy: its names', list(policy), str)
    for name, config in policy.items():
        has_type(f'policy: {name}', config)
    rewards = reward or {}
    for name in rewards:
        one_of('each key of reward', name, policy, 'Give each reward the name of its policy.')
    return {name: (config, rewards.get(name)) for name, config in policy.items()}


def _few(timesteps: Sequence[int]) -> str:
    """List timesteps, the first eight if they are many."""
    return f't = {", ".join(map(str, timesteps[:8]))}{", ..." * (len(timesteps) > 8)}'


def _build(config: dict, kind: type, role: str, **inferred: int) -> nn.Module:
    """Build a policy or a reward; name what is neither."""
    name = config.get('type')
    found = MODELS.get(name) if isinstance(name, str) else name
    if isinstance(found, type) and not issubclass(found, kind):
        raise ValueError(
            f'the {role} must be a {kind.__name__}, got {dict(config)}, which is a '
            f'{found.__name__}.'
        )
    return build_part(MODELS, config, role, **inferred)
