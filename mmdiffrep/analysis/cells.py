# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The grid of a model: timesteps, taps and pool sizes, all read in one pass."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

from mmdiffrep.analysis.encoder import Encoder, EncoderReader
from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.features import frozen_denoiser
from mmdiffrep.feature_bank import FeatureReader, MapKey
from mmdiffrep.feature_bank.recipe import describe_noise
from mmdiffrep.utils.checks import distinct, integer, multiple_of


class Cell(NamedTuple):
    """A place of the grid.

    Attributes:
        model: Name of the diffusion model or encoder.
        tap: Its tap or layer.
        timestep: None for an encoder.
        noise_level: sqrt(1 - alpha_bar) of the timestep; None for an encoder.
        pool: Maps are averaged over ``pool`` x ``pool`` cells.
        width: Number of features: channels * pool^2.
    """

    model: str
    tap: str
    timestep: int | None
    noise_level: float | None
    pool: int
    width: int


class GridModel:
    """A diffusion model or an encoder, and the cells that are read of it.

    Args:
        name: For tables.
        readers: One a view; the first one is of the images as they are.
        pools: Pool sizes, of which the readers store the greatest.
        sides: Side of the map of every tap, before pooling.
        is_diffusion: Whether there are timesteps.

    Raises:
        ValueError: Pool sizes that repeat or do not divide the greatest.
    """

    def __init__(
        self,
        name: str,
        readers: Sequence[FeatureReader | EncoderReader],
        pools: Sequence[int],
        sides: Mapping[str, int],
        is_diffusion: bool,
    ) -> None:
        self.name = name
        self.readers = list(readers)
        self.is_diffusion = is_diffusion
        _check_pools(pools, sides)
        recipe = self.readers[0].recipe
        levels = dict(zip(recipe.timesteps, recipe.noise_levels))
        self.cells: dict[Cell, MapKey] = {
            Cell(
                model=name,
                tap=tap,
                timestep=timestep if is_diffusion else None,
                noise_level=levels[timestep] if is_diffusion else None,
                pool=pool,
                width=shape[0] * pool**2,
            ): (timestep, tap)
            for pool in pools
            for (timestep, tap), shape in self.readers[0].shapes.items()
        }


def diffusion_grid(
    model: str | dict | FeatureModel,
    taps: Sequence[str],
    timesteps: Sequence[int] | None = None,
    noise_levels: Sequence[float] | None = None,
    pools: Sequence[int] = (1,),
    noise: str = 'per_image',
    views: int = 1,
    seed: int = 0,
    channel_order: str = 'bgr',
    dtype: str = 'float16',
    pass_size: int = 64,
    device: None | str | torch.device = None,
    name: str | None = None,
    precision: str | None = None,
) -> GridModel:
    """Prepare the grid of a diffusion model.

    Args:
        model: Folder, hub id, ``mmdiffrep://<name>``, config or denoiser.
        taps: What to read.
        timesteps: Where to read it.
        noise_levels: Instead of ``timesteps``.
        pools: Pool sizes; the smaller ones must divide the greatest.
        noise: ``'per_image'``, which makes a feature a function of its image, ``'shared'`` or
            ``'none'``.
        views: Number of noise draws; view v has the noise seed ``seed + v``.
        seed: Of the first draw.
        channel_order: Of the images, ``'bgr'`` or ``'rgb'``.
        dtype: What is stored: ``'float16'``, ``'bfloat16'`` or ``'float32'``.
        pass_size: Greatest number of images in a pass, counting one per timestep.
        device: Where the model runs.
        name: For tables; None: the model's source.
        precision: What the model computes in, see
            :class:`~mmdiffrep.diffusion.feature_extractor.FeatureExtractor`.

    Raises:
        FileNotFoundError: No such model.
        ValueError: Unknown taps, taps after the cut of a truncated network, timesteps out of
            range, no views, or pool sizes that do not fit the maps.
    """
    integer('views', views, 1)
    _check_pools(pools, {})
    describe_noise(noise)
    denoiser = frozen_denoiser(model, taps, precision)
    number = len(timesteps if timesteps is not None else noise_levels or ())
    readers = [
        FeatureReader(
            denoiser,
            taps,
            timesteps,
            noise_levels,
            'none' if noise == 'none' else dict(type=noise, seed=seed + view),
            channel_order=channel_order,
            pool=max(pools),
            dtype=dtype,
            device=device,
            batch_size=max(1, pass_size // max(1, number)),
            precision=precision,
        )
        for view in range(views)
    ]
    sides = {tap: denoiser.image_size // denoiser.taps[tap].stride for tap in taps}
    return GridModel(name or denoiser.source, readers, pools, sides, is_diffusion=True)


def encoder_grid(
    encoder: Encoder,
    pools: Sequence[int] = (1,),
    views: int = 1,
    channel_order: str = 'bgr',
    dtype: str = 'float16',
    pass_size: int = 64,
) -> GridModel:
    """Prepare the cells of an encoder, which knows no timesteps; see :func:`diffusion_grid`."""
    _check_pools(pools, {})
    reader = EncoderReader(encoder, channel_order, max(pools), dtype, pass_size)
    sides = {layer: min(encoder.shapes[layer][1:]) for layer in encoder.layers}
    return GridModel(encoder.name, [reader] * views, pools, sides, is_diffusion=False)


def _check_pools(pools: Sequence[int], sides: Mapping[str, int]) -> None:
    greatest = max(distinct('pools', pools))
    for pool in pools:
        multiple_of(f'The greatest of pools={list(pools)}', greatest, integer('pools', pool, 1))
    for tap, side in sides.items() if len(pools) > 1 else ():
        multiple_of(f'The side of the map of {tap} (greatest of several pools)', side, greatest)
