# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The timesteps that features are read at, given as such or by their noise levels."""

from collections.abc import Sequence
from typing import Any

from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.utils.checks import distinct, list_of, one_given, within

_TOLERANCE = 0.05  # relative, between a noise level and that of the nearest timestep


def resolve_timesteps(
    schedule: Schedule,
    timesteps: Sequence[int] | None = None,
    noise_levels: Sequence[float] | None = None,
) -> tuple[int, ...]:
    """Check timesteps, or find those of given noise levels.

    Args:
        schedule: The denoiser's noise schedule.
        timesteps: Integers in ``[0, schedule.num_timesteps - 1]``, all different: a list, array or
            tensor.
        noise_levels: Standard deviations of the noise, ``sqrt(1 - alpha_bar)``, in (0, 1). The
            same levels mean the same noise under every schedule, within 5 %.

    Returns:
        The timesteps, in the order given.

    Raises:
        ValueError: If not exactly one of the two is given, or it is empty, repeats a timestep
            or holds one out of range, or the schedule has no timestep of such a noise level.
    """
    one_given('The reading of features', timesteps=timesteps, noise_levels=noise_levels)
    timesteps, noise_levels = (_as_list(values) for values in (timesteps, noise_levels))
    if timesteps is None:
        levels = list_of('noise_levels', noise_levels, float)
        timesteps = [_nearest_timestep(schedule, level) for level in levels]
    for t in list_of('timesteps', timesteps, int):
        within('each of timesteps', t, 0, schedule.num_timesteps - 1)
    return tuple(int(t) for t in distinct('timesteps', timesteps))


def _as_list(values: Any) -> Any:
    """Turn an array or a tensor into a list; others are returned."""
    return values.tolist() if hasattr(values, 'tolist') else values


def _nearest_timestep(schedule: Schedule, level: float) -> int:
    """Return the timestep of a noise level, which EDM's few timesteps may not have."""
    timestep = schedule.nearest_timestep(level)
    found = float(schedule.levels[timestep])
    if abs(found - level) > _TOLERANCE * level:
        raise ValueError(
            f'None of the {schedule.num_timesteps} timesteps has the noise level {level}: the '
            f'nearest, {timestep}, has {found:.4g}. Give timesteps, or a schedule with more steps '
            "to the denoiser; for a model of EDM: schedule=dict(name='edm', num_steps=100)."
        )
    return timestep
