# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From the ``teacher`` of a config to a teacher: a diffusion model, or a registered teacher."""

from collections.abc import Sequence

from torch import nn

from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.teachers.config import teacher_config
from mmdiffrep.registry import MODELS

# How a diffusion model is read, beside which one.
_READING = ('draws', 'memory_gb', 'compile', 'shard')


def build_teacher(
    teacher: str | dict | nn.Module,
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
        teacher (str, dict or nn.Module): Config of a registered :class:`Teacher`, such as
            ``dict(type='mmdiffrep.HostTeacher', config=..., checkpoint=...)``, or a short form of
            one (see :func:`~mmdiffrep.models.teachers.config.teacher_config`); anything else is a
            diffusion model: folder, hub id or config of a denoiser, which may also say ``draws``,
            ``memory_gb``, ``compile`` and ``shard`` of :class:`DPMTeacher`.
        taps (sequence of str): What to read.
        mean (sequence of float, optional): See
            :class:`~mmdiffrep.models.teachers.DPMTeacher`, like all that follow.
        std (sequence of float, optional): The student's normalization.
        channel_order (str): Order of the student's tensors.
        size (int, optional): Side of the teacher's input.
        raw_input (bool): Feed the student's tensor; for diffusion models only.
        noise (str or dict): Noise source; for diffusion models and their banks only.
        precision (str, optional): What the teacher computes in.
        pass_size (int, optional): Greatest number of images in a pass; for diffusion models only.

    Raises:
        ValueError: An option that this teacher does not take.
    """
    shared = dict(taps=taps, mean=mean, std=std, channel_order=channel_order)
    asked = dict(size=size, precision=precision)
    shared.update({key: value for key, value in asked.items() if value is not None})
    options = dict(noise=noise, raw_input=raw_input, pass_size=pass_size)
    teacher = teacher_config(teacher)
    kind = _registered(teacher)
    if kind is None:
        given = dict(teacher) if isinstance(teacher, dict) else {}
        reading = {key: given.pop(key) for key in _READING if key in given}
        teacher = dict(denoiser=given or teacher, **reading)
        kind = MODELS.get('mmdiffrep.DPMTeacher')
    return MODELS.build({**teacher, **shared, **kind.accept(**options), 'type': kind})


def _registered(teacher: object) -> type[Teacher] | None:
    """Return the class of a registered teacher; None for a diffusion model."""
    kind = teacher.get('type') if isinstance(teacher, dict) else None
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    return found if isinstance(found, type) and issubclass(found, Teacher) else None
