# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes: everything that stored features depend on besides the image; its hash names a bank."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import Self

from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.diffusion.noise import FreshNoise, build_noise

LATENT: MapKey = (0, 'latent')  # what a bank of latents calls its maps
_FORMAT = 1  # of the folder; another one would be another key


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Base of the recipes; values are JSON values.

    Attributes:
        settings: What the network was built with, see ``Denoiser.settings``.
        size: Side in pixels that images are resized to, with antialiasing.
        channel_order: Of the images given, ``'bgr'`` or ``'rgb'``.
        dtype: What is stored.
        precision: dtype of the pass.
        interpolation: How images are resized.
        model: Where the weights come from, for people; not in the key.
    """

    settings: dict[str, Any]
    size: int
    channel_order: str
    dtype: str
    precision: str = 'float32'
    interpolation: str = 'bilinear'
    model: str = field(default='', compare=False)

    @property
    def keys_of_maps(self) -> list[MapKey]:
        """All ``(timestep, tap)``, all taps of the first timestep first."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        """16 hex digits that stand for everything but ``model``."""
        values = {'format': _FORMAT, **self._compared()}
        text = json.dumps(values, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def to_json(self) -> str:
        """Readable JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + '\n'

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Invert :meth:`to_json`.

        Raises:
            ValueError: Not a recipe.
        """
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(f'not a recipe of this version of mmdiffrep: {error}') from error

    def differences(self, other: 'Recipe') -> list[str]:
        """List what differs, as ``'timesteps: [50] here, [90] there'``."""
        mine, theirs = self._compared(), other._compared()
        return [
            f'{name}: {_short(mine.get(name))} here, {_short(theirs.get(name))} there'
            for name in {**mine, **theirs}
            if mine.get(name) != theirs.get(name)
        ]

    def _compared(self) -> dict[str, Any]:
        values = dataclasses.asdict(self)
        del values['model']
        if self.interpolation == 'bilinear':
            del values['interpolation']  # banks from before it was an option keep their keys
        return values


@dataclass(frozen=True, kw_only=True)
class FeatureRecipe(Recipe):
    """All that turns the pixels of an image into stored features.

    The host's pipeline plays no part: images are identified by the pixels that come
    out of it, see :func:`~mmdiffrep.feature_bank.images.content_hash`.

    Attributes:
        weights: Hash of the whole network's weights.
        taps: Names, in the order of reading.
        timesteps: Likewise.
        noise_levels: sqrt(1 - alpha_bar) of the timesteps, six digits: the schedule.
        noise: ``type`` and ``seed`` of the noise source, see :func:`describe_noise`.
        pool: Maps are averaged over ``pool`` x ``pool`` cells; None: native resolution.
    """

    weights: str
    taps: list[str]
    timesteps: list[int]
    noise_levels: list[float]
    noise: dict[str, Any]
    pool: int | None

    @property
    def keys_of_maps(self) -> list[MapKey]:
        """All ``(timestep, tap)``, all taps of the first timestep first."""
        return [(t, tap) for t in self.timesteps for tap in self.taps]


@dataclass(frozen=True, kw_only=True)
class LatentRecipe(Recipe):
    """All that turns the pixels of an image into its stored latent.

    Attributes:
        vae: Hash of the encoder's weights.
        posterior: ``'sample'`` or ``'mean'``.
        seed: Of the samples.
    """

    vae: str
    posterior: str
    seed: int

    @property
    def keys_of_maps(self) -> list[MapKey]:
        """The only name of a latent, in the place of timestep and tap."""
        return [LATENT]

    def _compared(self) -> dict[str, Any]:
        values = super()._compared()
        if self.precision == 'float32':
            del values['precision']  # banks from before it was an option keep their keys
        return values


def recipe_from_json(text: str) -> Recipe:
    """Read a recipe of either kind.

    Raises:
        ValueError: Not a recipe.
    """
    values = json.loads(text)
    kind = LatentRecipe if isinstance(values, dict) and 'vae' in values else FeatureRecipe
    return kind.from_json(text)


def describe_noise(noise: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return type and seed of a noise source whose draws can be repeated.

    Args:
        noise: See :func:`~mmdiffrep.diffusion.noise.build_noise`.

    Raises:
        ValueError: ``'fresh'`` noise, or an unknown source.
    """
    source = build_noise(noise)
    if isinstance(source, FreshNoise):
        raise ValueError(
            "noise='fresh' draws anew at every pass, so that stored features would be one draw "
            "out of many and no second process could repeat it: take 'per_image' (one draw per "
            "image), 'shared' (one for all images) or 'none'."
        )
    kind = noise if isinstance(noise, str) else noise['type']
    counter = {'counter': True} if getattr(source, 'counter', False) else {}
    return {'type': kind, 'seed': getattr(source, 'seed', None), **counter}


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f'{text[:37]}...'
