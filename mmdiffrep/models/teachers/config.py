# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The short forms of a teacher, as a string or a module, written out as a config."""

from typing import Any

from torch import nn

from mmdiffrep.models.encoders.names import is_encoder_name

RANDOM = 'random:'


def teacher_config(teacher: str | dict[str, Any] | nn.Module) -> str | dict[str, Any]:
    """Write a teacher out.

    Args:
        teacher: A diffusion model; ``'timm:NAME'`` and the like (see
            :func:`~mmdiffrep.models.encoders.load_encoder`); any of these strings after
            ``'random:'``, for the same network with random weights; a module; a dict without a
            ``type``, for several teachers by name; or the config of a teacher.

    Returns:
        The config of a registered teacher; a diffusion model stays as it is.
    """
    if isinstance(teacher, nn.Module):
        return dict(type='mmdiffrep.EncoderTeacher', network=teacher)
    if isinstance(teacher, str) and teacher.startswith(RANDOM):
        network = teacher.removeprefix(RANDOM)
        if is_encoder_name(network):
            return dict(type='mmdiffrep.EncoderTeacher', network=network, init='random')
        return dict(type='mmdiffrep.DPMTeacher', denoiser=network, init='random')
    if is_encoder_name(teacher):
        return dict(type='mmdiffrep.EncoderTeacher', network=teacher)
    if isinstance(teacher, dict) and 'type' not in teacher:
        return dict(type='mmdiffrep.TeacherGroup', teachers=teacher)
    return teacher
