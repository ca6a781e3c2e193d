# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Features of a labelled data set, cell by cell of a grid of timesteps, taps and pool sizes.

All timesteps and taps of a model are read in one pass, truncated after the last tap, and stored as
small pooled maps in a feature bank: nothing is computed twice, and nothing stale is read.
"""

from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from rich.progress import track
from torch import Tensor
from torch.utils.data import Subset

from mmdiffrep.analysis.data import ImageSource, labels_of
from mmdiffrep.analysis.encoder import Encoder
from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.feature_bank import (
    AugmentedView,
    FeatureBank,
    FeatureReader,
    FeatureRecipe,
    MapKey,
    build_feature_bank,
    content_hash,
    stored_bytes,
)
from mmdiffrep.feature_bank.images import read_sample
from mmdiffrep.feature_bank.recipe import describe_noise

ONE_VIEW = (0,)


class Cell(NamedTuple):
    """A place of the grid.

    Attributes:
        model: Name of the diffusion model or encoder.
        tap: Its tap or layer.
        timestep: None for an encoder.
        noise_level: sqrt(1 - alpha_bar) of the timestep; None for an encoder.
        pool: Maps are averaged over so many by so many cells.
        width: Number of features: channels * pool^2.
    """

    model: str
    tap: str
    timestep: Optional[int]
    noise_level: Optional[float]
    pool: int
    width: int


class EncoderReader:
    """Computes what a bank stores of an :class:`~mmdiffrep.analysis.encoder.Encoder`.

    Args:
        encoder: Of it.
        channel_order: That the encoder was told.
        pool: Maps are averaged over so many by so many cells.
        dtype: What is stored.
        batch_size: Images in a pass.
    """

    def __init__(
        self, encoder: Encoder, channel_order: str, pool: int, dtype: str, batch_size: int
    ) -> None:
        self.encoder = encoder
        self.batch_size = batch_size
        self.dtype = getattr(torch, dtype)
        self.shapes = {
            (0, layer): (encoder.shapes[layer][0], pool, pool) for layer in encoder.layers
        }
        self.recipe = FeatureRecipe(
            weights=encoder.weights_hash,
            settings={'family': 'encoder', **encoder.settings},
            taps=list(encoder.layers),
            timesteps=[0],
            noise_levels=[0.0],
            noise={'type': 'none', 'seed': None},
            size=encoder.size,
            channel_order=channel_order,
            precision='float32',
            pool=pool,
            dtype=dtype,
            model=encoder.name,
        )

    @property
    def bytes_per_image(self) -> int:
        """What an image takes in the bank."""
        return stored_bytes(self.shapes, self.dtype)

    def __call__(self, images: Sequence[Tensor]) -> Dict[MapKey, Tensor]:
        """Computes the features of images (3, H, W), see ``FeatureReader``."""
        return {
            (0, layer): F.adaptive_avg_pool2d(maps.float(), self.recipe.pool)
            .permute(0, 2, 3, 1)
            .to(self.dtype)
            .contiguous()
            .cpu()
            for layer, maps in self.encoder(images).items()
        }


class GridModel:
    """A diffusion model or an encoder, and the cells that are read of it.

    Args:
        name: For tables.
        readers: One a view; the first one is of the images as they are.
        pools: Pool sizes, of which the readers store the greatest.
        sides: Side of the map of every tap, before pooling.
        is_diffusion: Whether there are timesteps.

    Raises:
        ValueError: Pool sizes that repeat, or that cannot be had from the greatest one.
    """

    def __init__(
        self,
        name: str,
        readers: Sequence[Union[FeatureReader, EncoderReader]],
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
        self.cells: Dict[Cell, MapKey] = {
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
    model: Union[str, dict, Denoiser],
    taps: Sequence[str],
    timesteps: Optional[Sequence[int]] = None,
    noise_levels: Optional[Sequence[float]] = None,
    pools: Sequence[int] = (1,),
    noise: str = 'per_image',
    views: int = 1,
    seed: int = 0,
    channel_order: str = 'bgr',
    dtype: str = 'float16',
    pass_size: int = 64,
    device: Union[None, str, torch.device] = None,
    name: Optional[str] = None,
) -> GridModel:
    """Prepares the grid of a diffusion model.

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
        pass_size: Greatest number of images in a pass, counting one for each timestep.
        device: Where the model runs.
        name: For tables; None: the model's source.

    Raises:
        FileNotFoundError: No such model.
        ValueError: Unknown taps, taps behind the cut of a truncated network, timesteps out of
            range, no views, or pool sizes that do not fit the maps.
    """
    if views < 1:
        raise ValueError(f'There must be at least one view, got views={views}.')
    _check_pools(pools, {})
    describe_noise(noise)
    denoiser = model if isinstance(model, Denoiser) else load_denoiser(model, taps=taps)
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
    """Prepares the cells of an encoder, which knows no timesteps; see :func:`diffusion_grid`."""
    _check_pools(pools, {})
    reader = EncoderReader(encoder, channel_order, max(pools), dtype, pass_size)
    sides = {layer: min(encoder.shapes[layer][1:]) for layer in encoder.layers}
    return GridModel(encoder.name, [reader] * views, pools, sides, is_diffusion=False)


class StoredSplit:
    """The features of a split's images in banks, and their labels.

    Args:
        source: The images.
        models: What is read of them. With several processes each computes its share.
        root: Where banks are.
        views: Which views are stored.
        augmentations: Of the views but the first, see
            :class:`~mmdiffrep.feature_bank.views.AugmentedView`.
        max_bytes: Greatest size of a bank; None: what the disk holds.

    Attributes:
        labels: (N,) int64.

    Raises:
        ValueError: Models of one name, no labels, an image that cannot be read, or a bank that
            would be too large.
        OSError: The disk is full.
    """

    def __init__(
        self,
        source: ImageSource,
        models: Sequence[GridModel],
        root: Union[str, Path],
        views: Sequence[int] = ONE_VIEW,
        augmentations: Sequence[str] = (),
        max_bytes: Optional[int] = None,
    ) -> None:
        names = [model.name for model in models]
        if len(set(names)) < len(names):
            raise ValueError(f'Models must have different names, got {names}.')
        self.name = source.name
        self.views = tuple(views)
        self._images: Dict[int, List[str]] = {}
        self._banks: Dict[Tuple[str, int], FeatureBank] = {}
        for view in self.views:
            augmented = AugmentedView(source.dataset, view, augmentations)
            images = Subset(augmented, source.indices)
            self._images[view], self.labels = _read_through(images, source.name)
            for model in models:
                reader = model.readers[view]
                built = build_feature_bank(images, reader, root, max_bytes)
                self._banks[model.name, view] = built.bank

    def __len__(self) -> int:
        return len(self.labels)

    def read(
        self,
        model: GridModel,
        cell: Cell,
        chosen: Optional[Tensor] = None,
        views: Sequence[int] = ONE_VIEW,
    ) -> Tensor:
        """Reads the features of a cell.

        Args:
            model: Whose cell it is.
            cell: What to read.
            chosen: (N,) bool, which images; None: all.
            views: Of them.

        Returns:
            (V, n, width) in the dtype that is stored.
        """
        wanted = range(len(self)) if chosen is None else chosen.nonzero().flatten().tolist()
        rows = []
        for view in views:
            images = [self._images[view][i] for i in wanted]
            maps = self._banks[model.name, view].gather(images, model.cells[cell])
            rows.append(_pooled(maps, cell.pool))
        return torch.stack(rows)


def _read_through(images: Subset, name: str) -> Tuple[List[str], Tensor]:
    """Content hashes and labels."""
    hashes, labels = [], []
    hidden = get_rank() != 0
    for index in track(range(len(images)), f'reading the {name}', transient=True, disable=hidden):
        sample = read_sample(images, index)
        hashes.append(content_hash(sample['inputs']))
        labels.append(labels_of([sample['data_samples']]))
    return hashes, torch.cat(labels)


def _pooled(maps: Tensor, pool: int) -> Tensor:
    """(N, h, w, C) to (N, C * pool^2), in the order of a flattened map (C, pool, pool)."""
    maps = maps.permute(0, 3, 1, 2)
    if maps.shape[2] != pool:
        maps = F.adaptive_avg_pool2d(maps.float(), pool).to(maps.dtype)
    return maps.flatten(1)


def _check_pools(pools: Sequence[int], sides: Mapping[str, int]) -> None:
    greatest = max(pools, default=0)
    wrong = [pool for pool in pools if pool < 1 or greatest % pool]
    if not pools or wrong or len(set(pools)) < len(pools):
        raise ValueError(
            f'Pool sizes must be different numbers that divide the greatest, such as 1 2 4, got '
            f'{list(pools)}.'
        )
    uneven = {tap: side for tap, side in sides.items() if len(pools) > 1 and side % greatest}
    if uneven:
        tap, side = next(iter(uneven.items()))
        raise ValueError(
            f'The map of {tap} is {side} x {side}, which does not divide into {greatest} x '
            f'{greatest} equal cells, of which the smaller pool sizes are averaged: take other '
            'pool sizes, or one alone.'
        )
