# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Everything that a network is given besides x_t and t: class labels, prompts, sizes, guidance."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmdiffrep.utils.checks import equal, of_type, one_of
from mmdiffrep.utils.existing_files import require_file

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
_RANKS = dict(
    labels=1,
    prompt_embeds=3,
    prompt_mask=2,
    pooled_embeds=2,
    time_ids=2,
    guidance=1,
    time_vector=2,
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Condition:
    """Inputs that a network is conditioned on, one row for all images or one per image.

    Two conditions of equal values are equal and have the same hash and :attr:`digest`.

    Args:
        labels: (B,) class labels.
        prompt_embeds: (B, L, D) embedded tokens of a prompt.
        prompt_mask: (B, L), 1 for a token that counts, 0 for padding.
        pooled_embeds: (B, D) one vector per prompt (SDXL, SD3, Flux).
        time_ids: (B, 6) original height and width, top and left of the crop, height and width of
            the image, in pixels (SDXL).
        guidance: (B,) guidance scale that the network is told (Flux.1-dev).
        time_vector: (B, D) added to the embedding of the timestep.

    Raises:
        ValueError: A wrong number of dimensions or rows.
    """

    labels: Tensor | None = None
    prompt_embeds: Tensor | None = None
    prompt_mask: Tensor | None = None
    pooled_embeds: Tensor | None = None
    time_ids: Tensor | None = None
    guidance: Tensor | None = None
    time_vector: Tensor | None = None

    def __post_init__(self) -> None:
        for name, value in self.given.items():
            of_type(f'Condition.{name}', value, Tensor)
            equal(f'Dimensions of Condition.{name}', value.ndim, _RANKS[name])
        if len({len(value) for value in self.given.values()} - {1}) > 1:
            rows = {name: len(value) for name, value in self.given.items()}
            raise ValueError(f'All parts of a condition need one row, or as many as others: {rows}')

    @property
    def given(self) -> dict[str, Tensor]:
        """The parts that are there, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def __len__(self) -> int:
        rows = [len(value) for value in self.given.values()]
        return max(rows) if rows else 1

    def __getitem__(self, chosen: slice) -> 'Condition':
        """Return some of the rows; the only row stands for every image."""
        return self if len(self) == 1 else self._map(lambda value: _all_rows(value, chosen))

    def expand(self, batch: int) -> 'Condition':
        """Return the condition with a row per image.

        Raises:
            ValueError: Neither one row nor ``batch`` of them.
        """
        one_of('The rows of a condition', len(self), (1, batch), 'Give one per image.')
        return self._map(lambda value: value.expand(batch, *value.shape[1:]))

    def repeat(self, times: int) -> 'Condition':
        """Return the condition of a batch that is repeated, as ``Tensor.repeat`` does."""
        if len(self) == 1:
            return self
        return self._map(lambda v: v if len(v) == 1 else v.repeat(times, *[1] * (v.ndim - 1)))

    def to(
        self, device: None | str | torch.device = None, dtype: torch.dtype | None = None
    ) -> 'Condition':
        """Move all parts; only floating-point ones take another dtype."""
        return self._map(
            lambda value: value.to(device, dtype if value.is_floating_point() else None)
        )

    @cached_property
    def digest(self) -> str:
        """Hash of the values, whatever the device; half-precision ones count as float32."""
        digest = hashlib.sha256()
        for name, value in self.given.items():
            value = value.detach().cpu()
            value = value.float() if value.is_floating_point() else value.long()
            digest.update(f'{name} {tuple(value.shape)} '.encode())
            digest.update(value.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the condition as safetensors; the file appears whole or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f'.{path.name}.{os.getpid()}')
        save_file({k: v.contiguous().cpu() for k, v in self.given.items()}, temporary)
        temporary.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> 'Condition':
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: No such file.
            ValueError: A file of other tensors, or a damaged one.
        """
        try:
            given = load_file(require_file(path))
        except SafetensorError as error:
            raise ValueError(f"'{path}' is damaged: {error}.") from error
        for name in given:
            one_of(f"each tensor in '{path}'", name, _RANKS)
        # copied: the memory of a mapped file is not aligned, and gives other last bits
        return cls(**{name: value.clone() for name, value in given.items()})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def _map(self, change: Callable[[Tensor], Tensor]) -> 'Condition':
        return Condition(**{name: change(value) for name, value in self.given.items()})


Cond: TypeAlias = None | Tensor | Condition
"""What a pass may be given: class labels, a condition or nothing."""


def as_condition(cond: Cond) -> Condition | None:
    """Turn a tensor of class labels into a condition; others are returned.

    Raises:
        TypeError: Neither.
        ValueError: A tensor that is not a list of integers.
    """
    if isinstance(cond, Tensor):
        one_of('The dtype of cond, integer labels or a Condition,', cond.dtype, INTEGERS)
        return Condition(labels=cond)
    return of_type('cond', cond, Condition, Tensor, type(None))


def _all_rows(value: Tensor, chosen: slice) -> Tensor:
    return value if len(value) == 1 else value[chosen]
