# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Layers of the student that each pair compares, directly or through a shared pyramid."""

import re
from collections.abc import Sequence

from torch import Tensor, nn

from mmdiffrep.engine.distillation.host_model import channels_by_pair
from mmdiffrep.engine.distillation.step import student_features
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.utils.checks import of_type

_LEVEL = re.compile(r'pyramid\[(\d+)\]')


class StudentLayers:
    """The student layers of all pairs; with a pyramid, a pair may name one of its maps instead.

    Args:
        pairs (sequence of dict): With ``student``, a layer or several, or ``'pyramid[i]'``.
        pyramid (dict, optional): Config of a :class:`~mmdiffrep.models.distillers.PyramidConnector`
            with ``student``, the layers that go in.

    Attributes:
        pyramid (dict, optional): The config without ``student`` and channels.

    Raises:
        ValueError: A map that the pyramid does not have, or a pyramid that no pair uses.
    """

    def __init__(self, pairs: Sequence[dict], pyramid: dict | None = None) -> None:
        layers = [pair['student'] for pair in pairs]
        self.by_pair = [(given,) if isinstance(given, str) else tuple(given) for given in layers]
        self.levels: list[int | None] = [None] * len(pairs)
        self.pyramid: dict | None = None
        self.pyramid_layers: tuple[str, ...] = ()
        if pyramid is not None:
            config = dict(of_type('pyramid', pyramid, dict))
            if 'student' not in config:
                raise ValueError(f"pyramid needs 'student', a list of layers; got {config!r}.")
            inputs = of_type("pyramid: 'student'", config.pop('student'), list, tuple)
            self.pyramid_layers = tuple(of_type('each layer', name, str) for name in inputs)
            self.pyramid = dict(type='mmdiffrep.PyramidConnector') | config
            self._use_levels()

    def _use_levels(self) -> None:
        count = len(self.pyramid_layers)
        for index, names in enumerate(self.by_pair):
            found = [match for name in names if (match := _LEVEL.fullmatch(name))]
            if not found:
                continue
            if len(names) > 1 or int(found[0][1]) >= count:
                raise ValueError(
                    f'pairs[{index}]: student is {list(names)}: of a pyramid with {count} layers '
                    f"give one map, 'pyramid[0]' to 'pyramid[{count - 1}]'."
                )
            self.levels[index], self.by_pair[index] = int(found[0][1]), ()
        if all(level is None for level in self.levels):
            raise ValueError(
                "pyramid is given, but no pair uses it: set student='pyramid[0]' and so on."
            )

    @property
    def names(self) -> list[str]:
        """All layers that are read, pair by pair, then those of the pyramid."""
        return [name for names in (*self.by_pair, self.pyramid_layers) for name in names]

    def channels(
        self, model: nn.Module, given: Sequence[int | Sequence[int] | None]
    ) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
        """Return the channels of every pair's layers, and of the layers that the pyramid reads.

        Args:
            model (nn.Module): The host's model, without DDP.
            given (sequence): The channels of every pair as the config has them, or None.
        """
        if self.pyramid is None:
            return channels_by_pair(model, self.by_pair, given), ()
        groups = [*self.by_pair, self.pyramid_layers]
        *found, inputs = channels_by_pair(model, groups, [*given, None])
        return found, inputs

    def features(
        self, taps: LayerTaps, batch_size: int, pyramid: nn.Module | None
    ) -> list[tuple[Tensor, ...]]:
        """Take the features that the student's forward pass left, one tuple per pair.

        Args:
            taps (LayerTaps): Taps of :attr:`names`.
            batch_size (int): Images of the batch.
            pyramid (nn.Module, optional): The connector that the pairs share.
        """
        sizes = [len(names) for names in self.by_pair]
        if pyramid is None:
            return student_features(taps, sizes, batch_size)
        sizes.append(len(self.pyramid_layers))
        *groups, inputs = student_features(taps, sizes, batch_size)
        maps = pyramid([feature.float() for feature in inputs])
        return [
            group if level is None else (maps[level],) for group, level in zip(groups, self.levels)
        ]
