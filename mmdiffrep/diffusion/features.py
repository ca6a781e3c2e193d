# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From clean images to features: noise, timestep, denoiser, taps."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.diffusion.denoisers import Denoiser
from mmdiffrep.diffusion.noise import NoiseSource
from mmdiffrep.diffusion.schedule_base import Schedule

_TOLERANCE = 0.05  # relative, between a noise level and the nearest one that there is


def resolve_timesteps(
    schedule: Schedule,
    timesteps: Sequence[int] | None = None,
    noise_levels: Sequence[float] | None = None,
) -> tuple[int, ...]:
    """Check the timesteps, or finds those of the given noise levels.

    Args:
        schedule: The denoiser's noise schedule.
        timesteps: Integers in ``[0, schedule.num_timesteps - 1]``, all different.
        noise_levels: Standard deviations of the noise, ``sqrt(1 - alpha_bar)``, in (0, 1). The
            same levels mean the same noise under every schedule, within 5 %.

    Returns:
        The timesteps, in the order given.

    Raises:
        ValueError: If not exactly one of the two is given, or it is empty, repeats a timestep
            or holds one out of range, or the schedule has no timestep of such a noise level.
    """
    if (timesteps is None) == (noise_levels is None):
        raise ValueError(
            f'give either timesteps or noise_levels; got timesteps={timesteps}, '
            f'noise_levels={noise_levels}'
        )
    given = noise_levels if timesteps is None else timesteps
    if isinstance(given, (int, float)):
        raise ValueError(f'timesteps and noise_levels are lists, such as [50]; got {given}')
    if timesteps is None:
        timesteps = [_nearest_timestep(schedule, level) for level in noise_levels]
    resolved = tuple(int(t) for t in timesteps)
    last = schedule.num_timesteps - 1
    if not resolved or any(t != raw for t, raw in zip(resolved, timesteps)):
        raise ValueError(f'timesteps must be one or more integers; got {list(timesteps)}')
    if min(resolved) < 0 or max(resolved) > last:
        raise ValueError(f'timesteps must lie in 0..{last}; got {list(resolved)}')
    if len(set(resolved)) < len(resolved):
        raise ValueError(
            f'timesteps must differ from one another; {list(given)} gives {list(resolved)}'
        )
    return resolved


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


def read_features(
    denoiser: Denoiser,
    images: Tensor,
    timesteps: Sequence[int],
    taps: Sequence[str],
    noise: NoiseSource,
    cond: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> dict[tuple[int, str], Tensor]:
    """Read every tap at every timestep in one forward pass, timesteps folded into the batch.

    Args:
        denoiser: Whole, or truncated after the last of ``taps``.
        images: (B, 3, H, W), clean RGB images in [-1, 1].
        timesteps: Different timesteps of the denoiser's schedule.
        taps: Names of taps.
        noise: Where the noise comes from. ``fresh`` draws anew for every image and timestep;
            ``none`` gives the clean image, and only tells the denoiser the timestep.
        cond: (B,) labels for a class-conditional denoiser, else None.
        generator: Random numbers for a noise source that draws anew.

    Returns:
        ``{(timestep, tap): (B, C, h, w)}``, all taps of the first timestep first.
    """
    batch = len(images)
    folded = images.repeat(len(timesteps), 1, 1, 1)
    t = torch.tensor(timesteps, device=images.device).repeat_interleave(batch)
    eps = noise(folded, generator=generator)
    x_t = folded if eps is None else denoiser.schedule.add_noise(folded, eps, t)
    if cond is not None:
        cond = cond.repeat(len(timesteps))
    maps = denoiser(x_t, t, cond, taps=taps)
    return {
        (timestep, tap): maps[tap][index * batch : (index + 1) * batch]
        for index, timestep in enumerate(timesteps)
        for tap in taps
    }
