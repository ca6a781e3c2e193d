# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Several teachers at once: each sees the images in its own way, and a pair names its teacher."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.models.teachers import early_check
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import of_type, one_of, within
from mmdiffrep.utils.random_streams import Generators, IterationStreams

_FIRST_STREAM = 1000  # of the random numbers: beyond those of policies


@MODELS.register_module()
class TeacherGroup(Teacher):
    """Reads several teachers in one step.

    A tap is ``'name/tap'``, as in ``dict(student='backbone', teacher='dino/norm', loss=...)``. At
    most one of the teachers has timesteps. ``balance=True`` in every pair makes their losses
    comparable.

    Args:
        teachers (dict): Teachers by name, each as in
            :class:`~mmdiffrep.engine.hooks.RepFusionHook`.
        taps (sequence of str): ``'name/tap'`` each.
        mean (sequence of float, optional): The student's normalization, see
            :class:`~mmdiffrep.models.teachers.DPMTeacher`. Defaults to None: not normalized.
        std (sequence of float, optional): See ``mean``.
        channel_order (str): ``'rgb'`` or ``'bgr'``, the order of the student's tensors.
        drop (float): Probability, in [0, 1), with which each teacher is left out of a step, one
            always staying (UNIC: 0.5); it is not run then. Defaults to 0.
        size (int, optional): Side in pixels that the images are resized to for all of them.
            Defaults to None: each as it needs them.
        noise (str or dict): Noise source of the diffusion model among them.
        precision (str, optional): What they compute in.
        pass_size (int, optional): Greatest number of images in a pass of the diffusion model.

    Raises:
        ValueError: No teacher, a tap of none of them, a teacher without a tap, or several with
            timesteps.
    """

    warn_if_early = early_check.warn_if_early

    def __init__(
        self,
        teachers: Mapping[str, Any],
        taps: Sequence[str],
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        channel_order: str = 'rgb',
        drop: float = 0.0,
        size: int | None = None,
        noise: str | dict = 'none',
        precision: str | None = None,
        pass_size: int | None = None,
    ) -> None:
        super().__init__()
        from mmdiffrep.models.teachers.build import build_teacher  # which builds groups too

        if not of_type('teachers', teachers, dict):
            raise ValueError('teachers must be a dict of one or more teachers by name, got {}.')
        self.drop = within('drop', drop, 0, 1, open_high=True)
        self.taps = tuple(taps)
        self.to_rgb = DenoiserInput(mean=mean, std=std, channel_order=channel_order, size=size)
        self._places = [self._split(tap, teachers) for tap in self.taps]
        rgb = dict(mean=[127.5] * 3, std=[127.5] * 3, precision=precision)
        members: dict[str, Teacher] = {}
        for name, teacher in teachers.items():
            own = [tap for owner, tap in self._places if owner == name]
            if not own:
                raise ValueError(
                    f'no pair reads the teacher {name!r}: give one teacher={name + "/<tap>"!r}, or '
                    'leave the teacher out.'
                )
            of_diffusion = takes_noise(teacher)
            options = dict(noise=noise, pass_size=pass_size) if of_diffusion else {}
            members[name] = build_teacher(teacher, taps=list(dict.fromkeys(own)), **rgb, **options)
        timed = [name for name, member in members.items() if member.num_timesteps is not None]
        if len(timed) > 1:
            raise ValueError(
                f'the teachers {timed} all have timesteps, and a policy draws one t for all: take '
                'one diffusion model per hook.'
            )
        self._timed = members[timed[0]] if timed else None
        self.members = nn.ModuleDict(members)
        self.source = '; '.join(f'{name}: {member.source}' for name, member in members.items())
        hashes = ' '.join(f'{name} {member.weights_hash}' for name, member in members.items())
        self.weights_hash = hashlib.sha256(hashes.encode()).hexdigest()
        self._kept = list(members)

    @classmethod
    def accept(cls, *, noise: str | dict, raw_input: bool, pass_size: int | None) -> dict[str, Any]:
        """Return what the diffusion model among them takes."""
        super().accept(noise='none', raw_input=raw_input, pass_size=None)
        return dict(noise=noise, pass_size=pass_size)

    @staticmethod
    def _split(tap: str, teachers: Mapping[str, Any]) -> tuple[str, str]:
        name, slash, rest = tap.partition('/')
        if not (slash and rest):
            raise ValueError(
                f"with several teachers a pair's teacher is 'name/tap', where name is one of "
                f'{", ".join(teachers)}; got {tap!r}.'
            )
        return one_of(f"the name in 'name/tap' of {tap!r}", name, teachers), rest

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every tap."""
        found = {
            (name, tap): channels
            for name, member in self.members.items()
            for tap, channels in zip(member.taps, member.channels)
        }
        return tuple(found[place] for place in self._places)

    @property
    def num_timesteps(self) -> int | None:
        """Those of the diffusion model among them."""
        return None if self._timed is None else self._timed.num_timesteps

    @property
    def denoiser(self) -> nn.Module | None:
        """That of the diffusion model among them, for policies that fit its schedule."""
        return getattr(self._timed, 'denoiser', None)

    @property
    def size(self) -> int | None:
        """Side of the diffusion model's images."""
        return getattr(self._timed, 'size', None)

    @property
    def precision(self) -> str:
        """See :class:`Teacher`."""
        return ', '.join(dict.fromkeys(member.precision for member in self.members.values()))

    def begin_step(self, streams: IterationStreams) -> None:
        """Draw which teachers take part in this step, the same on all ranks."""
        names = list(self.members)
        draws = [streams.shared(_FIRST_STREAM + index) for index in range(len(names) + 1)]
        kept = [name for name, draw in zip(names, draws) if draw >= self.drop]
        self._kept = kept or [names[int(draws[-1] * len(names))]]

    @torch.no_grad()
    def forward(
        self, inputs: Tensor, t: Tensor, generator: Generators | None = None
    ) -> tuple[Tensor | None, ...]:
        """See :class:`Teacher`; None in the place of the taps of a teacher that is left out."""
        found: dict[tuple[str, str], Tensor] = {}
        for name in self._kept:
            member = self.members[name]
            own = generator if member is self._timed else None
            features = member(member.to_input(inputs), t, own)
            found.update({(name, tap): value for tap, value in zip(member.taps, features)})
        return tuple(found.get(place) for place in self._places)


def takes_noise(teacher: Any) -> bool:
    """Whether a teacher's config stands for a diffusion model."""
    from mmdiffrep.models.teachers.config import teacher_config

    config = teacher_config(teacher)
    kind = config.get('type') if isinstance(config, dict) else None
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    is_teacher = isinstance(found, type) and issubclass(found, Teacher)
    return not is_teacher or found.__name__ == 'DPMTeacher'
