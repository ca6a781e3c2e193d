# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From ``--teacher`` to the tap that is read and the size of its images."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.diffusion.denoisers.families import find_family, model_config, reads_in_part
from mmdiffrep.models.encoders import (
    find_map_layers,
    last_map_layer,
    load_encoder,
)
from mmdiffrep.models.teachers.config import teacher_config

_CELLS = 16  # of a decoder's map along a side: 4 px per cell at 64 px, 16 at 256
_TIMESTEP = 50
_ENCODER_SIZE = 224  # px


class TeacherPlan(NamedTuple):
    """How a teacher is read by default.

    Attributes:
        name (str): What it is called among several.
        teacher (str or dict): For :class:`~mmdiffrep.engine.hooks.RepFusionHook`.
        tap (str): What is read.
        size (int): Side in pixels of the images that suit it.
        timestep (int or None): Where a diffusion model is read; None: it has no timesteps.
        reason (str): Why this tap, in a few words.
    """

    name: str
    teacher: str | dict[str, Any]
    tap: str
    size: int
    timestep: int | None
    reason: str


def plan_teacher(teacher: str | Mapping[str, Any], tap: str | None = None) -> TeacherPlan:
    """Choose what is read of a teacher.

    Args:
        teacher: See :class:`~mmdiffrep.engine.hooks.RepFusionHook`.
        tap: What to read; None: of a diffusion model the last decoder tap of at most 16 x 16
            cells, of another network the last layer that gives a map or tokens.

    Raises:
        FileNotFoundError, ImportError, ValueError: No such teacher, or one that gives no maps.
    """
    given = dict(teacher) if isinstance(teacher, Mapping) else teacher
    name = short_name(given)
    config = teacher_config(given)
    kind = str(config.get('type', '')) if isinstance(config, dict) else ''
    if kind.endswith('HostTeacher'):
        tap = tap or 'backbone'
        return TeacherPlan(name, given, tap, _ENCODER_SIZE, None, "the backbone's output")
    if isinstance(config, dict) and kind.endswith('EncoderTeacher'):
        return _plan_encoder(name, given, config, tap)
    denoiser = _without_weights(config)
    found = tap or default_tap(denoiser)
    return TeacherPlan(
        name,
        given,
        found,
        denoiser.image_size,
        _TIMESTEP,
        'as asked' if tap else f'last decoder tap of at most {_CELLS} x {_CELLS} cells',
    )


def default_tap(denoiser: Denoiser) -> str:
    """Return the last decoder tap of at most 16 x 16 cells, or the last tap if all are finer."""
    coarse = [
        name
        for name, tap in denoiser.taps.items()
        if name.startswith('dec.') and denoiser.image_size / tap.stride <= _CELLS
    ]
    decoder = [name for name in denoiser.taps if name.startswith('dec.')]
    return (coarse or decoder[:1] or list(denoiser.taps))[-1]


def short_name(teacher: str | Mapping[str, Any]) -> str:
    """Return a name that says which teacher it is, of letters, digits and underscores."""
    if isinstance(teacher, Mapping):
        keys = ('network', 'denoiser', 'config', 'type')
        teacher = next((teacher[key] for key in keys if isinstance(teacher.get(key), str)), '')
    last = re.split(r'[/:.]', teacher.removesuffix('.py').rstrip('/'))[-1]
    return re.sub(r'\W+', '_', last) or 'teacher'


def _plan_encoder(name: str, given: Any, config: dict[str, Any], tap: str | None) -> TeacherPlan:
    encoder = load_encoder(config['network'], 'random', options=config.get('options'))
    if 'patch' in config:
        encoder = encoder.with_patch(config['patch'])
    reason = 'as asked'
    if tap is None:
        side = encoder.side_for(config.get('size') or _ENCODER_SIZE)
        layers = find_map_layers(encoder.network, encoder.run, side, encoder.patch)
        tap = last_map_layer(layers, encoder.network).name
        reason = 'last layer that gives a map'
    return TeacherPlan(name, given, tap, config.get('size') or _ENCODER_SIZE, None, reason)


def _without_weights(teacher: str | dict[str, Any]) -> Denoiser:
    """Load a diffusion model for its taps alone."""
    if isinstance(teacher, dict) and str(teacher.get('type', '')).endswith('DPMTeacher'):
        teacher = teacher['denoiser']
    if not isinstance(teacher, str):
        with torch.device('meta'):
            return load_denoiser(teacher)
    if reads_in_part(teacher):
        family = find_family(model_config(teacher)['type'])
        if hasattr(family, 'without_weights'):
            return family.without_weights(teacher)
    return load_denoiser(teacher)
