# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base class of the necks that read the maps of several taps at several timesteps."""

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor

from mmdiffrep.utils.checks import as_many, equal, integer, list_of, of_shape

ADVICE = (
    "Set `in_channels` to the channels of the backbone's taps, in their order "
    '(tools/list_taps.py), and `num_timesteps` to the number of its timesteps.'
)


class TapNeck(BaseModule, metaclass=ABCMeta):
    """Check a backbone's maps and turn them into features.

    Args:
        in_channels: Channels of each tap.
        num_timesteps: Timesteps that every tap is read at.
        init_cfg: mmengine's initialization config.

    Raises:
        ValueError: No tap, or a number below 1.
    """

    def __init__(
        self, in_channels: Sequence[int], num_timesteps: int, init_cfg: dict | None
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = self._integers('in_channels', in_channels)
        (self.num_timesteps,) = self._integers('num_timesteps', [num_timesteps])

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Read the maps of a batch.

        Args:
            maps: ``(B, C, h, w)`` each, all taps of the first timestep first.

        Returns:
            The features: one tensor ``(B, out_channels)``, or the levels of a pyramid.

        Raises:
            ValueError: Wrong number of maps, wrong channels, or too few cells.
        """
        self._check_maps(maps)
        return self.read(maps)

    @abstractmethod
    def read(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Compute the features of maps with the right channels."""

    def _integers(self, name: str, values: Sequence[int], count: int | None = None) -> tuple:
        """Return integers of at least 1, ``count`` of them if given."""
        name = f'{type(self).__name__}: {name}'
        if count is not None:
            as_many(name, values, 'the taps', range(count))
        return tuple(integer(name, value, 1) for value in list_of(name, values, int))

    def _check_maps(self, maps: Sequence[Tensor]) -> None:
        name = f'{type(self).__name__}: maps'
        found = [
            of_shape(name, tensor, 'B', 'C', 'h', 'w').shape[1]
            for tensor in list_of(name, maps, Tensor)
        ]
        expected = [*self.in_channels] * self.num_timesteps
        equal(f'{name}: their channels', found, expected, ADVICE)

    def _check_cells(self, tensor: Tensor, side: int) -> None:
        """Check that a map can be averaged to ``side x side`` cells."""
        if min(tensor.shape[2:]) < side:
            raise ValueError(
                f'{type(self).__name__} averages to {side}x{side} cells, but a map has only '
                f'{tensor.shape[2]}x{tensor.shape[3]}: build the neck for fewer cells, or give '
                'images of the size that it was built for'
            )
