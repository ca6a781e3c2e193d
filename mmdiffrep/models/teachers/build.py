# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From the ``teacher`` of a config to a teacher: a diffusion model, or a trained host model."""

from collections.abc import Sequence

from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.teachers.dpm_teacher import DPMTeacher
from mmdiffrep.models.teachers.host_teacher import HostTeacher
from mmdiffrep.registry import MODELS


def build_teacher(
    teacher: str | dict,
    taps: Sequence[str],
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    channel_order: str = 'rgb',
    size: int | None = None,
    raw_input: bool = False,
    noise: str | dict = 'none',
    precision: str | None = None,
    pass_size: int | None = None,
) -> Teacher:
    """Build a teacher.

    Args:
        teacher (str or dict): ``dict(type='mmdiffrep.HostTeacher', config=..., checkpoint=...)``;
            anything else is a diffusion model: folder, hub id or config of a denoiser.
        taps (sequence of str): What to read.
        mean (sequence of float, optional): See :class:`DPMTeacher`, like all that follow.
        std (sequence of float, optional): The student's normalization.
        channel_order (str): Order of the student's tensors.
        size (int, optional): Side of the teacher's input.
        raw_input (bool): Feed the student's tensor; for diffusion models only.
        noise (str or dict): Noise source; for diffusion models only.
        precision (str, optional): What the teacher computes in.
        pass_size (int, optional): Greatest number of images in a pass; for diffusion models only.

    Raises:
        ValueError: Noise or the student's tensor for a teacher that takes neither.
    """
    shared = dict(taps=taps, mean=mean, std=std, channel_order=channel_order, size=size)
    if precision is not None:
        shared['precision'] = precision
    kind = teacher.get('type') if isinstance(teacher, dict) else None
    if kind not in (HostTeacher, 'HostTeacher', 'mmdiffrep.HostTeacher'):
        return DPMTeacher(teacher, raw_input=raw_input, noise=noise, pass_size=pass_size, **shared)
    if pass_size is not None:
        raise ValueError(
            'teacher_batch is for diffusion teachers: a HostTeacher reads whole batches'
        )
    if raw_input or noise != 'none':
        raise ValueError(
            'a HostTeacher sees the clean image in its own normalization: leave out teacher_input '
            f"and noise, or set teacher_input='exact' and noise='none' (got noise={noise!r})"
        )
    return MODELS.build({**teacher, **shared, 'type': HostTeacher})
