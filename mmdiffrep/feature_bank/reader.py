# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From images as a host packs them to features as they are stored."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.diffusion.images import check_unit_range
from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.taps import Tap
from mmdiffrep.feature_bank.images import rgb_batch
from mmdiffrep.feature_bank.recipe import FeatureRecipe, describe_noise
from mmdiffrep.utils.checks import distinct, integer, one_of

DTYPES = ('float16', 'bfloat16', 'float32')


class FeatureReader:
    """Computes what a bank stores.

    Args:
        model: Diffusers folder, hub id, ``mmdiffrep://<name>`` or config, see
            :func:`~mmdiffrep.diffusion.denoisers.load_denoiser`; or a
            :class:`~mmdiffrep.diffusion.FeatureModel`.
        taps: What to read, see :mod:`mmdiffrep.diffusion.taps`.
        timesteps: Timesteps of the model's schedule.
        noise_levels: Standard deviations of the noise in (0, 1), instead of ``timesteps``.
        noise: Noise source: ``'shared'``, ``'per_image'``, ``'none'`` or
            ``dict(type=..., seed=...)``. ``'fresh'`` is refused.
        size: Side in pixels that images are resized to, with antialiasing; None: the side that the
            model was trained at.
        channel_order: Of the images given: ``'bgr'``, what mmcv's loaders give, or ``'rgb'``.
        pool: Average maps over ``pool`` x ``pool`` cells, 1: the whole map; None: store them at
            their own resolution.
        dtype: What to store: ``'float16'``, ``'bfloat16'`` or ``'float32'``.
        precision: What the model computes in: ``'auto'``, ``'float32'``, ``'bfloat16'`` or
            ``'float16'``; None: float32 on a CPU, ``'auto'`` on a GPU. Banks of different precision
            are different banks.
        device: Where the model runs; None: where it is (a loaded one: the CPU).
        batch_size: Images per pass, each at all timesteps. Features of another batch size, device
            or library may differ in the last bits.
        prompt: What the images are said to show, for a model of text; None: the empty prompt.
        draws: Average the features over this many draws of the noise.
        interpolation: ``'bilinear'`` or ``'bicubic'``, how images are resized.

    Attributes:
        recipe: See :class:`~mmdiffrep.feature_bank.recipe.FeatureRecipe`.
        shapes: ``{(timestep, tap): (C, h, w)}`` of an image, all taps of the first timestep first.

    Raises:
        FileNotFoundError: No such model.
        ValueError: Unknown or repeated taps, timesteps out of range, ``'fresh'`` noise, a size
            that does not divide by the model's largest stride, a pool that is finer than a map, an
            unknown dtype, or a model that needs class labels.
    """

    def __init__(
        self,
        model: str | Mapping[str, Any] | FeatureModel,
        taps: Sequence[str],
        timesteps: Sequence[int] | None = None,
        noise_levels: Sequence[float] | None = None,
        noise: str | Mapping[str, Any] = 'shared',
        size: int | None = None,
        channel_order: str = 'bgr',
        pool: int | None = None,
        dtype: str = 'float16',
        precision: str | None = None,
        device: None | str | torch.device = None,
        batch_size: int = 8,
        prompt: str | None = None,
        draws: int = 1,
        interpolation: str = 'bilinear',
    ) -> None:
        one_of('dtype', dtype, DTYPES)
        distinct('taps', taps)
        noise_record = describe_noise(noise)
        self.extract = FeatureExtractor(
            model,
            taps,
            timesteps,
            noise_levels,
            noise,
            device=device,
            batch_size=batch_size,
            precision=precision,
            prompt=prompt,
            draws=draws,
        )
        self.batch_size = batch_size
        denoiser = self.extract.denoiser
        side = denoiser.image_size if size is None else size
        denoiser.require_images_only((side, side))
        self.to_rgb = DenoiserInput(
            channel_order=channel_order, size=side, interpolation=interpolation
        )
        self.shapes = stored_shapes(self.extract.tap_table, self.extract.timesteps, side, pool)
        self.dtype = getattr(torch, dtype)
        levels = denoiser.schedule.noise_level(torch.tensor(self.extract.timesteps)).tolist()
        self.recipe = FeatureRecipe(
            weights=denoiser.weights_hash,
            settings=settings_of(denoiser),
            taps=list(self.extract.taps),
            timesteps=list(self.extract.timesteps),
            noise_levels=[round(level, 6) for level in levels],
            noise=noise_record if draws == 1 else {**noise_record, 'draws': draws},
            size=side,
            channel_order=channel_order,
            interpolation=interpolation,
            precision=denoiser.precision,
            pool=pool,
            dtype=dtype,
            model=denoiser.source,
        )

    @property
    def bytes_per_image(self) -> int:
        """Bytes per image in the bank."""
        return stored_bytes(self.shapes, self.dtype)

    def __call__(self, images: Sequence[Tensor]) -> dict[MapKey, Tensor]:
        """Compute the features of images.

        Args:
            images: (3, H, W) each, 0 to 255, of any sizes.

        Returns:
            ``{(timestep, tap): (B, h, w, C)}`` on the CPU, in the dtype to store.

        Raises:
            ValueError: Pixels that are not in 0 to 255, or features that ``dtype`` cannot hold.
        """
        device = next(self.extract.denoiser.parameters()).device
        rgb = rgb_batch(images, self.to_rgb, device)
        if images[0].dtype != torch.uint8:
            check_unit_range(rgb)
        maps = self.extract.read(
            rgb, finish=partial(to_stored, pool=self.recipe.pool, dtype=self.dtype)
        )
        return on_cpu(maps)


def settings_of(denoiser: FeatureModel) -> dict[str, Any]:
    """Return what a network's features depend on besides the weights, as JSON values."""
    condition = denoiser.condition
    told = {} if condition is None else {'condition': condition.digest}
    return json.loads(json.dumps({**denoiser.settings, **told}))


def to_stored(maps: Tensor, pool: int | None, dtype: torch.dtype) -> Tensor:
    """Bring maps (B, C, H, W) to what a bank stores, (B, h, w, C) in ``dtype``, on their device.

    Args:
        maps: Of one tap.
        pool: See :class:`FeatureReader`.
        dtype: What is stored.
    """
    if pool is not None:
        maps = F.adaptive_avg_pool2d(maps.float(), pool)
    return maps.permute(0, 2, 3, 1).to(dtype).contiguous()


def on_cpu(maps: Mapping[MapKey, Tensor]) -> dict[MapKey, Tensor]:
    """Read maps of one dtype back from their device, all at once.

    Args:
        maps: By timestep and tap.

    Raises:
        ValueError: Features that the dtype cannot hold.
    """
    first = next(iter(maps.values()))
    if first.device.type != 'cpu':
        flat = torch.cat([values.flatten() for values in maps.values()]).cpu()
        parts = flat.split([values.numel() for values in maps.values()])
        maps = {key: part.view(maps[key].shape) for key, part in zip(maps, parts)}
    for (timestep, tap), values in maps.items():
        if not values.isfinite().all():
            raise ValueError(
                f'Features of {tap} at t = {timestep} do not fit '
                f'{str(values.dtype).removeprefix("torch.")}. If the model is sound, give '
                "dtype='bfloat16' or 'float32'."
            )
    return dict(maps)


def stored_bytes(shapes: Mapping[MapKey, tuple[int, ...]], dtype: torch.dtype) -> int:
    """Bytes of an image's maps ``(C, h, w)``."""
    return sum(torch.Size(shape).numel() for shape in shapes.values()) * dtype.itemsize


def upsampled_bytes(shapes: Mapping[MapKey, tuple[int, ...]], size: int) -> int:
    """Bytes of the same maps resized to the image in float32, as DDPM-Seg keeps them."""
    return sum(shape[0] for shape in shapes.values()) * size**2 * torch.float32.itemsize


def stored_shapes(
    taps: Mapping[str, Tap], timesteps: Sequence[int], size: int, pool: int | None = None
) -> dict[MapKey, tuple[int, int, int]]:
    """Shapes (C, h, w) of an image's maps, all taps of the first timestep first.

    Args:
        taps: Channels and strides by name.
        timesteps: Where they are read.
        size: Side of the image in pixels.
        pool: See :class:`FeatureReader`.

    Raises:
        ValueError: ``pool`` is below 1 or finer than a map.
    """
    if pool is not None:
        integer('pool', pool, 1)
    shapes = {}
    for name, (channels, stride) in taps.items():
        side = size // stride
        if pool is not None and pool > side:
            raise ValueError(f'pool={pool} is finer than the map of {name}, {side} x {side}.')
        shapes[name] = (channels, pool or side, pool or side)
    return {(timestep, name): shapes[name] for timestep in timesteps for name in shapes}
