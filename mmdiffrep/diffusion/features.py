# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read a frozen denoiser: load and cut it, noise the images, run it, collect the taps.

Everything that reads features uses these functions: the extractor, the backbones, the teacher,
feature banks and the analysis.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from mmdiffrep.diffusion.compiled import Compile
from mmdiffrep.diffusion.condition import Cond, Condition, as_condition
from mmdiffrep.diffusion.denoisers.families import (
    load_denoiser,
    prompted,
    reads_in_part,
)
from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.memory import MemoryLimit
from mmdiffrep.diffusion.noise import NoiseSource
from mmdiffrep.utils.random_streams import Generators

# Timestep and tap of a map.
MapKey: TypeAlias = tuple[int, str]


def frozen_denoiser(
    model: str | Mapping[str, Any] | FeatureModel,
    taps: Sequence[str] | None = None,
    precision: str | None = None,
    prompt: str | None = None,
    latents: bool = False,
    compile: Compile = False,
) -> FeatureModel:
    """Load a denoiser, cut it after the last tap and freeze it.

    Args:
        model: See :func:`~mmdiffrep.diffusion.denoisers.load_denoiser`; or a denoiser, which is
            frozen and otherwise left as it is.
        taps: What will be read of it; None keeps a loaded one whole.
        precision: See :class:`~mmdiffrep.diffusion.precision.FrozenPrecision`.
        prompt: What the images are said to show, for a model of text and images; None: that of the
            model, by default the empty prompt.
        latents: Load the denoiser of latents alone, without the VAE.
        compile: See :meth:`FeatureModel.compile_pass`; False leaves a denoiser as it is.

    Raises:
        ValueError: A prompt for a model that takes none, or for one that is loaded already.
    """
    if isinstance(model, FeatureModel):
        if prompt is not None:
            raise ValueError(
                f'{model.source} is loaded already: give the prompt where it is loaded, '
                "load_denoiser(dict(type='LatentDiffusion', pretrained=..., prompt=...))."
            )
        denoiser = model
    else:
        cfg = model if prompt is None else prompted(model, prompt)
        # these read their files in the asked precision; others are cast afterwards
        is_half = precision in ('bfloat16', 'float16') and reads_in_part(cfg)
        denoiser = load_denoiser(cfg, taps, precision if is_half else None, latents)
    denoiser.freeze().compute_in(precision)
    return denoiser if compile is False else denoiser.compile_pass(compile)


def read_features(
    denoiser: FeatureModel,
    images: Tensor,
    timesteps: Sequence[int],
    taps: Sequence[str],
    noise: NoiseSource,
    cond: Cond = None,
    generator: Generators | None = None,
    pass_size: int | None = None,
    finish: Callable[[Tensor], Tensor] = Tensor.float,
    draws: int = 1,
    memory: MemoryLimit | None = None,
) -> dict[MapKey, Tensor]:
    """Read every tap at every timestep, timesteps folded into the batch.

    Args:
        denoiser: Whole, or truncated after the last of ``taps``.
        images: (B, 3, H, W), clean RGB images in [-1, 1].
        timesteps: Different timesteps of the denoiser's schedule.
        taps: Names of taps.
        noise: Source of the noise. ``fresh`` draws anew for every image and timestep; ``none``
            gives the clean image, and the denoiser is only told the timestep.
        cond: What the denoiser is conditioned on, or (B,) class labels; None: its own condition.
        generator: Random numbers for a noise source that draws anew.
        pass_size: See :func:`read_taps`.
        finish: See :func:`read_taps`.
        draws: Average the features over this many draws of the noise: memory does not grow with
            it, and images are encoded once.
        memory: Limits the images in a pass; None: only ``pass_size`` does.

    Returns:
        ``{(timestep, tap): (B, C, h, w)}``, all taps of the first timestep first.
    """
    batch, num = len(images), len(timesteps)
    t = torch.cat([torch.full((batch,), t, device=images.device) for t in timesteps])
    cond = as_condition(cond)
    if cond is not None:
        cond = cond.repeat(num)

    def eps_of(draw: int, shape: Sequence[int]) -> Tensor | None:
        return noise.of_draw(draw).at_timesteps(images, num, generator, shape)

    maps = _read_draws(denoiser, images, t, taps, eps_of, cond, pass_size, finish, draws, memory)
    return {
        (timestep, tap): maps[tap][index * batch : (index + 1) * batch]
        for index, timestep in enumerate(timesteps)
        for tap in taps
    }


def read_features_at(
    denoiser: FeatureModel,
    images: Tensor,
    t: Tensor,
    taps: Sequence[str],
    noise: NoiseSource,
    generator: Generators | None = None,
    pass_size: int | None = None,
    draws: int = 1,
    memory: MemoryLimit | None = None,
) -> dict[str, Tensor]:
    """Read every tap, every image at its own timestep.

    Args:
        denoiser: See :func:`read_features`, like all that is not named here.
        images: (B, 3, H, W), clean RGB images in [-1, 1].
        t: (B,) timesteps.
        taps: Names of taps.
        noise: Source of the noise.
        generator: Random numbers for a noise source that draws anew.
        pass_size: Greatest number of images in a pass.
        draws: Number of draws of the noise.
        memory: Limits the images in a pass.

    Returns:
        ``{tap: (B, C, h, w)}``, float32.
    """
    if generator is not None and not isinstance(generator, torch.Generator):
        generator = list(generator)  # which every draw goes through

    def eps_of(draw: int, shape: Sequence[int]) -> Tensor | None:
        return noise.of_draw(draw)(images, generator, shape)

    return _read_draws(
        denoiser, images, t, taps, eps_of, None, pass_size, Tensor.float, draws, memory
    )


def _read_draws(
    denoiser: FeatureModel,
    images: Tensor,
    t: Tensor,
    taps: Sequence[str],
    eps_of: Callable[[int, Sequence[int]], Tensor | None],
    cond: Condition | None,
    pass_size: int | None,
    finish: Callable[[Tensor], Tensor],
    draws: int,
    memory: MemoryLimit | None,
) -> dict[str, Tensor]:
    """Read the taps of images, repeated as ``t`` says, and average them over draws of the noise.

    Several draws share a pass if the limit of memory allows.
    """
    encoded, at_once = len(images), 1
    if memory is not None:
        sizes = memory.sizes(denoiser, taps, *images.shape[2:])
        pass_size, encoded = min(pass_size or sizes.rows, sizes.rows), sizes.images
        at_once = max(1, pass_size // max(len(t), 1))
    x0 = torch.cat([denoiser.clean(part) for part in images.split(max(encoded, 1))])
    x0 = x0.repeat(len(t) // max(len(images), 1), 1, 1, 1)

    def noised(draw: int) -> Tensor:
        eps = eps_of(draw, x0.shape[1:])
        return x0 if eps is None else denoiser.schedule.add_noise(x0, eps, t)

    if draws == 1:
        return read_taps(denoiser, noised(0), t, taps, cond, pass_size, finish)
    mean = RunningMean()
    for first in range(0, draws, at_once):
        chosen = range(first, min(first + at_once, draws))
        x_t = torch.cat([noised(draw) for draw in chosen])
        told = None if cond is None else cond.repeat(len(chosen))
        maps = read_taps(denoiser, x_t, t.repeat(len(chosen)), taps, told, pass_size, finish)
        for index in range(len(chosen)):
            mean.add({tap: v[index * len(t) : (index + 1) * len(t)] for tap, v in maps.items()})
        del maps, x_t  # before the next pass
    return mean.value()


class RunningMean:
    """Averages maps in float32, one draw after the other; they keep their dtype.

    It holds one map per tap besides the draw that is added.
    """

    def __init__(self) -> None:
        self._totals: dict[str, Tensor] = {}
        self._count = 0
        self._dtypes: dict[str, torch.dtype] = {}

    def add(self, maps: Mapping[str, Tensor]) -> None:
        """Add the maps of a draw."""
        self._count += 1
        for tap, value in maps.items():
            if tap not in self._totals:
                # a copy: one tensor can be the map of two taps
                self._totals[tap] = value.to(torch.float32, copy=True)
            elif value.requires_grad:
                self._totals[tap] = self._totals[tap] + value
            else:
                self._totals[tap] += value
            self._dtypes[tap] = value.dtype

    def value(self) -> dict[str, Tensor]:
        """Return the mean of what was added."""
        return {
            tap: (total / self._count).to(self._dtypes[tap]) for tap, total in self._totals.items()
        }


def noised(
    denoiser: FeatureModel,
    images: Tensor,
    t: Tensor,
    noise: NoiseSource,
    generator: Generators | None = None,
) -> Tensor:
    """Return x_t of a batch, every image at its own timestep; x_0 without noise.

    Args:
        denoiser: What will be given x_t.
        images: (B, 3, H, W), clean RGB images in [-1, 1].
        t: (B,) timesteps.
        noise: Source of the noise.
        generator: Random numbers for a noise source that draws anew.
    """
    x0 = denoiser.clean(images)
    eps = noise(images, generator, x0.shape[1:])
    return x0 if eps is None else denoiser.schedule.add_noise(x0, eps, t)


def read_taps(
    denoiser: FeatureModel,
    x_t: Tensor,
    t: Tensor,
    taps: Sequence[str],
    cond: None | Condition = None,
    pass_size: int | None = None,
    finish: Callable[[Tensor], Tensor] = Tensor.float,
) -> dict[str, Tensor]:
    """Read the taps of a batch in passes of limited size.

    Args:
        denoiser: Whole, or truncated after the last of ``taps``.
        x_t: (B, C, H, W), noised or clean images or latents.
        t: (B,) timesteps.
        taps: Names of taps.
        cond: What the denoiser is conditioned on; None: its own condition.
        pass_size: Greatest number of images in a forward pass; None: all. Memory depends on it,
            the features do not, up to rounding.
        finish: What is made of each map of a pass, by default float32.

    Returns:
        ``{tap: (B, C, h, w)}``.
    """
    size = pass_size or max(len(x_t), 1)
    parts = []
    for start in range(0, max(len(x_t), 1), size):
        chosen = slice(start, start + size)
        given = None if cond is None else cond[chosen]
        maps = denoiser(x_t[chosen], t[chosen], given, taps=taps)
        parts.append({tap: finish(maps[tap]) for tap in taps})
    if len(parts) == 1:
        return parts[0]
    return {tap: torch.cat([part[tap] for part in parts]) for tap in taps}
