# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A bank: a folder of shards that one recipe made, read by the content of images."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.feature_bank.images import content_hash
from mmdiffrep.feature_bank.recipe import Recipe, recipe_from_json
from mmdiffrep.feature_bank.shard import find_shards
from mmdiffrep.utils.checks import one_of

RECIPE_FILE = 'recipe.json'
VERIFY = ('sizes', 'full')


class FeatureBank(Mapping[str, dict[MapKey, Tensor]]):
    """Features of images, mapped into memory from ``<root>/<key of the recipe>/``.

    It is a mapping from an image's content hash to ``{(timestep, tap): (C, h, w)}``. The maps are
    channels-last views of the files: nothing is read before it is used, and no second copy is
    held. Copies of a bank in other processes open the files themselves.

    Args:
        folder: Of the bank.
        verify: ``'sizes'`` checks headers and sizes of all shards; ``'full'`` also reads
            everything and compares checksums.

    Attributes:
        folder: As given.
        recipe: What the features depend on besides the image.

    Raises:
        FileNotFoundError: No bank there.
        ValueError: Unknown ``verify``, a damaged recipe, or shards that are damaged or stale; they
            are named, and building the bank again computes their images alone.
        OSError: A file cannot be read.
    """

    def __init__(self, folder: str | Path, verify: str = 'sizes') -> None:
        one_of('verify', verify, VERIFY)
        self.folder = Path(folder)
        self.recipe = read_recipe(self.folder)
        self._shards, damaged = find_shards(self.folder, self.recipe.key, verify == 'full')
        if damaged:
            listed = '\n'.join(f'  {error}' for error in damaged)
            raise ValueError(
                f'{len(damaged)} of {len(damaged) + len(self._shards)} shards cannot be used:\n'
                f'{listed}\nBuild the bank again: only the images of these shards are computed.'
            )
        self._place: dict[str, tuple[int, int]] = {
            image: (number, row)
            for number, shard in enumerate(self._shards)
            for row, image in enumerate(shard.images)
        }
        self._mapped: dict[int, dict[MapKey, Tensor]] = {}

    @property
    def num_bytes(self) -> int:
        """Size of all shards on the disk."""
        return sum(shard.num_bytes for shard in self._shards)

    @property
    def keys_of_maps(self) -> list[MapKey]:
        """All ``(timestep, tap)``, all taps of the first timestep first."""
        return self.recipe.keys_of_maps

    def require(self, recipe: Recipe) -> None:
        """Check that the features were made by a recipe.

        Raises:
            ValueError: They are not; lists what differs.
        """
        differences = self.recipe.differences(recipe)
        if differences:
            raise ValueError(
                f'{self.folder} holds other features than asked for: {"; ".join(differences)}.'
            )

    def read(self, image: Tensor) -> dict[MapKey, Tensor]:
        """Read the features of an image by its pixels.

        Args:
            image: (3, H, W) as packed, of the dtype and size that the bank was built from.

        Raises:
            KeyError: The bank has no such image.
        """
        return self[content_hash(image)]

    def gather(self, images: Sequence[str], key: MapKey) -> Tensor:
        """Copy one map of many images into memory.

        Args:
            images: Content hashes, which may repeat.
            key: ``(timestep, tap)``.

        Returns:
            (N, h, w, C) in the dtype that is stored.

        Raises:
            KeyError: The bank has no such image or map.
        """
        places = torch.tensor([self._place[image] for image in images]).reshape(-1, 2)
        like = self._map(int(places[0, 0]) if len(places) else 0)[key]
        rows = like.new_empty(len(images), *like.shape[1:])
        for number in places[:, 0].unique().tolist():
            wanted = (places[:, 0] == number).nonzero().flatten()
            rows[wanted] = self._map(number)[key][places[wanted, 1]]
        return rows

    def stacked(self, image: str) -> dict[str, Tensor]:
        """Copy the features of an image into memory, for another process.

        Args:
            image: Its content hash.

        Returns:
            ``{tap: (timesteps, h, w, C)}`` in the dtype that is stored.

        Raises:
            KeyError: The bank has no such image.
        """
        number, row = self._place[image]
        maps = self._map(number)
        rows: dict[str, list[Tensor]] = {}
        for timestep, tap in self.keys_of_maps:
            rows.setdefault(tap, []).append(maps[timestep, tap][row])
        return {tap: torch.stack(parts) for tap, parts in rows.items()}

    def _map(self, number: int) -> dict[MapKey, Tensor]:
        if number not in self._mapped:
            self._mapped[number] = self._shards[number].tensors()
        return self._mapped[number]

    def __getitem__(self, image: str) -> dict[MapKey, Tensor]:
        number, row = self._place[image]
        maps = self._map(number)
        return {key: maps[key][row].permute(2, 0, 1) for key in self.keys_of_maps}

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def __len__(self) -> int:
        return len(self._place)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), '_mapped': {}}  # else the pickle would hold the features

    def __repr__(self) -> str:
        return f'FeatureBank({str(self.folder)!r}, {len(self)} images, {self.num_bytes} bytes)'


def read_recipe(folder: Path) -> Recipe:
    """Read the recipe of a bank.

    Raises:
        FileNotFoundError: No bank there; lists those that are near.
        ValueError: The file is damaged.
    """
    file = folder / RECIPE_FILE
    if not file.is_file():
        near = sorted(str(other.parent) for other in folder.parent.glob(f'*/{RECIPE_FILE}'))
        near += sorted(str(other.parent) for other in folder.glob(f'*/{RECIPE_FILE}'))
        raise FileNotFoundError(
            f'There is no feature bank in {folder} (no {RECIPE_FILE}). '
            + (f'There are: {", ".join(near[:5])}.' if near else 'Build one first.')
        )
    try:
        return recipe_from_json(file.read_text())
    except ValueError as error:
        raise ValueError(f'{file} is damaged: {error}. Build the bank again.') from error
