# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Feature maps of images that come again in other pairs: kept in memory, and in a bank on disk."""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.feature_bank.bank import RECIPE_FILE
from mmdiffrep.feature_bank.images import content_hash
from mmdiffrep.feature_bank.reader import on_cpu, to_stored
from mmdiffrep.feature_bank.recipe import FeatureRecipe, describe_noise
from mmdiffrep.feature_bank.shard import Shard, find_shards, write_shard
from mmdiffrep.matching.baselines import RGBPatches
from mmdiffrep.matching.matcher import ENCODER, CorrespondenceMatcher
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checks import integer


class ImageMaps:
    """Computes the map of every image once.

    Args:
        matcher: What reads maps.
        cache_size: Maps that are kept in memory.
        bank: Folder of feature banks: the maps of every image are written there in half precision,
            one entry per image and prompt, and found there by another run with the same model and
            settings. None: nothing is written.

    Raises:
        ValueError: A bank of colors.
    """

    def __init__(
        self,
        matcher: CorrespondenceMatcher | RGBPatches,
        cache_size: int = 8,
        bank: str | Path | None = None,
    ) -> None:
        self.matcher = matcher
        self.cache_size = integer('cache_size', cache_size, 0)
        self._cache: OrderedDict[tuple[str, str | None], dict[MapKey, Tensor]] = OrderedDict()
        self._bank = None
        if bank is not None:
            if not isinstance(matcher, CorrespondenceMatcher):
                raise ValueError('A bank is for features of a diffusion model, not for colors.')
            self._bank = MapBank(matcher, Path(bank))

    def __call__(
        self, source: Tensor, target: Tensor, prompt: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the joined maps (C, h, w) of two RGB uint8 images (3, H, W), on their device."""
        return self.matcher.join(self.read(source, prompt), self.read(target, prompt))

    def read(self, image: Tensor, prompt: str | None = None) -> dict[MapKey, Tensor]:
        """Return the maps of an RGB uint8 image (3, H, W) before they are joined, float32."""
        key = content_hash(image), prompt
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        pixels = image.float() / 127.5 - 1
        matcher = self.matcher.to(image.device)
        if self._bank is None:
            maps = matcher.maps(pixels, prompt)
        else:
            stored = self._bank.read(key[0], pixels, prompt)
            maps = {name: value.to(image.device).float() for name, value in stored.items()}
        self._cache[key] = maps
        while len(self._cache) > self.cache_size:
            self._cache.popitem(last=False)
        return maps


class MapBank:
    """A feature bank that is filled image by image, one folder per prompt.

    Args:
        matcher: What computes maps that are not there.
        root: Where the banks are.
    """

    def __init__(self, matcher: CorrespondenceMatcher, root: Path) -> None:
        self.matcher = matcher
        self.root = root
        self._shards: dict[str | None, tuple[FeatureRecipe, dict[str, Shard]]] = {}

    def read(self, image: str, pixels: Tensor, prompt: str | None) -> dict[MapKey, Tensor]:
        """Return the maps of an image, computed if they are not there.

        Args:
            image: Its content hash.
            pixels: RGB (3, H, W) in [-1, 1].
            prompt: What the image shows.

        Returns:
            ``{(timestep, tap): (C, h, w)}`` on the CPU, float16.
        """
        if prompt not in self._shards:
            self._shards[prompt] = self._open(prompt)
        recipe, shards = self._shards[prompt]
        if image not in shards:
            computed = self.matcher.maps(pixels, prompt)
            stored = {k: to_stored(v[None], None, torch.float16) for k, v in computed.items()}
            path = write_shard(self.root / recipe.key, recipe.key, [image], on_cpu(stored))
            shards[image] = Shard(path, recipe.key)
        maps = shards[image].tensors()
        order = [key for key in (*recipe.keys_of_maps, ENCODER) if key in maps]
        return {key: maps[key][0].permute(2, 0, 1) for key in order}

    def _open(self, prompt: str | None) -> tuple[FeatureRecipe, dict[str, Shard]]:
        recipe = self._recipe(prompt)
        folder = self.root / recipe.key
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(recipe.to_json().encode(), folder / RECIPE_FILE)
        sound, damaged = find_shards(folder, recipe.key)
        for error in damaged:
            error.put_away()
        return recipe, {image: shard for shard in sound for image in shard.images}

    def _recipe(self, prompt: str | None) -> FeatureRecipe:
        extract, size = self.matcher.extract, self.matcher.size
        denoiser = extract.denoiser
        condition = self.matcher.condition_of(prompt)
        settings = dict(denoiser.settings, resize=f'bicubic to {size[0]} x {size[1]}')
        settings.update(self.matcher.extra_settings)
        if condition is not None:
            settings['condition'] = condition.digest
        noise = describe_noise(self.matcher.noise)
        levels = denoiser.schedule.noise_level(torch.tensor(extract.timesteps)).tolist()
        return FeatureRecipe(
            weights=denoiser.weights_hash,
            settings=json.loads(json.dumps(settings)),
            taps=list(extract.taps),
            timesteps=list(extract.timesteps),
            noise_levels=[round(level, 6) for level in levels],
            noise=noise if extract.draws == 1 else {**noise, 'draws': extract.draws},
            size=max(size),
            channel_order='rgb',
            precision=denoiser.precision,
            pool=None,
            dtype='float16',
            model=denoiser.source,
        )
