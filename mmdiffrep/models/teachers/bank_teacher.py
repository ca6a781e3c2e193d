# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Stored features of fixed views in the place of a teacher's forward pass."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.feature_bank.bank import FeatureBank
from mmdiffrep.feature_bank.fixed_views import STORED
from mmdiffrep.feature_bank.recipe import FeatureRecipe, describe_noise
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import equal
from mmdiffrep.utils.random_streams import Generators

BUILD = 'build it with `python -m mmdiffrep bank CONFIG`'


@MODELS.register_module()
class BankTeacher(Teacher):
    """Gives the features that the samples of a :class:`FixedViews` data set carry.

    A step then runs no teacher network, which is not even loaded. The features are those of a
    :class:`~mmdiffrep.models.teachers.DPMTeacher` on the same views, rounded to what is stored, and
    a run may change between the two when it is resumed.

    Args:
        bank (str): Folder of the bank, the same as that of the data set.
        denoiser (str or dict): The diffusion model, for the command that builds the bank.
        dtype (str): What is stored: ``'float16'``, ``'bfloat16'`` or ``'float32'``. Defaults to
            ``'float16'``.
        pool (int, optional): 1: only the average of each map is stored, for losses and rewards
            that pool. Defaults to None: whole maps.
        taps (sequence of str): What to read.
        mean (sequence of float, optional): See :class:`~mmdiffrep.models.teachers.DPMTeacher`, like
            all that follow.
        std (sequence of float, optional): The student's normalization.
        channel_order (str): Order of the student's tensors.
        size (int, optional): Side of the teacher's input. Defaults to None: that of the bank.
        noise (str or dict): Noise source.
        precision (str, optional): What the network computed in. Defaults to None: as in the bank.

    Raises:
        FileNotFoundError: There is no such bank.
        ValueError: It holds other features than the run asks for.
    """

    def __init__(
        self,
        bank: str,
        taps: Sequence[str],
        denoiser: str | dict | None = None,
        dtype: str = 'float16',
        pool: int | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        channel_order: str = 'rgb',
        size: int | None = None,
        noise: str | dict = 'none',
        precision: str | None = None,
    ) -> None:
        super().__init__()
        try:
            stored = FeatureBank(bank)
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{error} A teacher needs its bank first: {BUILD}') from error
        recipe = stored.recipe
        if not isinstance(recipe, FeatureRecipe) or 'normalization' not in recipe.settings:
            raise ValueError(f'{bank} is not the bank of a teacher: {BUILD}')
        asked = dict(
            taps=recipe.taps if set(taps) <= set(recipe.taps) else list(taps),
            normalization=normalization_record(mean, std, channel_order),
            noise=describe_noise(noise),
            size=size or recipe.size,
            precision=recipe.precision if precision in (None, 'auto') else precision,
            dtype=dtype,
            pool=pool,
        )
        found: dict[str, Any] = {key: getattr(recipe, key, None) for key in asked}
        found['normalization'] = recipe.settings['normalization']
        wrong = [
            f'{key}: {asked[key]}, not {found[key]}' for key in asked if asked[key] != found[key]
        ]
        if wrong:
            raise ValueError(
                f'{bank} holds other features than the run asks for ({"; ".join(wrong)}): take the '
                f'settings of the bank, or another folder, and {BUILD}'
            )
        self.taps = tuple(taps)
        self.source, self.weights_hash = recipe.model, recipe.weights
        self.timesteps = tuple(recipe.timesteps)
        self.pooled = recipe.pool is not None
        self._recipe = recipe
        self._channels = {
            tap: stored.gather(list(stored)[:1], (recipe.timesteps[0], tap)).shape[-1]
            for tap in recipe.taps
        }
        self.to_rgb = DenoiserInput(
            mean=mean, std=std, channel_order=channel_order, size=recipe.size
        )
        # The place of timestep t among those that are stored; -1: it is not.
        places = torch.full((self.num_timesteps,), -1)
        places[list(self.timesteps)] = torch.arange(len(self.timesteps))
        self.register_buffer('_places', places, persistent=False)
        self._batch: dict[str, Tensor] | None = None

    @classmethod
    def accept(cls, *, noise: str | dict, raw_input: bool, pass_size: int | None) -> dict[str, Any]:
        """Take the noise, which the bank has to have; see :class:`Teacher`.

        Raises:
            ValueError: The student's tensor is to be fed.
        """
        equal('raw_input of a BankTeacher', raw_input, False, "Set teacher_input='exact'.")
        return dict(noise=noise)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every tap."""
        return tuple(self._channels[tap] for tap in self.taps)

    @property
    def num_timesteps(self) -> int:
        """Timesteps of the network's noise schedule, of which the bank has some."""
        return self._recipe.settings['num_timesteps']

    @property
    def precision(self) -> str:
        """See :class:`Teacher`."""
        return self._recipe.precision

    def take(self, batch: dict[str, Any]) -> None:
        """Take the stored features out of a batch; see :class:`Teacher`.

        Raises:
            ValueError: It carries none.
        """
        stored = batch.pop(STORED, None)
        if stored is None:
            raise ValueError(
                'the batch carries no stored features: wrap the training data set as '
                "dict(type='mmdiffrep.FixedViews', dataset=..., num_views=..., bank=...)"
            )
        self._sides = {tuple(image.shape[-2:]) for image in batch['inputs']}
        self._batch = {
            tap: maps if isinstance(maps, Tensor) else torch.stack(list(maps))
            for tap, maps in stored.items()
        }

    def to_input(self, images: Tensor) -> Tensor:
        """See :class:`Teacher`.

        Raises:
            ValueError: The data preprocessor has changed the size of the images.
        """
        if self._sides != {tuple(images.shape[-2:])}:
            raise ValueError(
                f'the data preprocessor turns images of {sorted(self._sides)} into '
                f'{tuple(images.shape[-2:])}, so that the stored features are not those of its '
                'images: give the pipeline a fixed size, and leave out padding and batch_augments'
            )
        return self.to_rgb(images)

    def forward(
        self, inputs: Tensor, t: Tensor, generator: Generators | None = None
    ) -> tuple[Tensor, ...]:
        """Return the stored features of the batch that was taken; see :class:`Teacher`."""
        assert self._batch is not None  # the hook takes each batch first
        stored, self._batch = self._batch, None
        images = torch.arange(len(t), device=t.device) % len(next(iter(stored.values())))
        places = self._places[t]
        features = []
        for tap in self.taps:
            maps = stored[tap].to(t.device, non_blocking=True)[images, places].float()
            maps = maps.permute(0, 3, 1, 2)
            features.append(maps.contiguous())
        return tuple(features)


def normalization_record(
    mean: Sequence[float] | None, std: Sequence[float] | None, channel_order: str
) -> dict[str, Any]:
    """Return a normalization as JSON values; floats as the host's float32 buffers hold them."""

    def rounded(values: Sequence[float] | None) -> list[float] | None:
        return None if values is None else [float(f'{value:.6g}') for value in values]

    return dict(mean=rounded(mean), std=rounded(std), channel_order=channel_order)


def is_bank(teacher: object) -> bool:
    """Whether the ``teacher`` of a config is a :class:`BankTeacher`."""
    kind = teacher.get('type') if isinstance(teacher, Mapping) else None
    return kind in (BankTeacher, 'BankTeacher', 'mmdiffrep.BankTeacher')
