# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read named layers of any network as maps: tokens become maps, channels come first."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from mmdiffrep.models.layer_taps import LayerTaps

_MERGES = (1, 2, 4, 8)  # patches per token along a side: stages of hierarchical transformers
_MOST_PREFIX = 32  # class and register tokens


class MapReader:
    """Reads layers in one pass of a network.

    Args:
        network: The network.
        layers: Names, see :mod:`mmdiffrep.models.layer_taps`.
        patch: Side of the patches that become tokens, in pixels; None: tokens are refused.
        channels_last: Which layers give ``(B, h, w, C)``.
        role: What errors call the network.

    Raises:
        ValueError: An unknown layer.
    """

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str],
        patch: int | None = None,
        channels_last: Sequence[bool] | None = None,
        role: str = 'teacher',
    ) -> None:
        self._taps = LayerTaps(network, layers, role=role)
        self.patch = patch
        self.channels_last = tuple(channels_last or [False] * len(layers))

    def __call__(self, run: Callable[[], Any], images: Tensor) -> tuple[Tensor, ...]:
        """Run the network and return what the layers gave.

        Args:
            run: Runs it on the images.
            images: ``(B, 3, H, W)``.

        Returns:
            Maps ``(B, C, h, w)``, or vectors ``(B, C)``, one per layer.

        Raises:
            RuntimeError, ValueError: See :meth:`~mmdiffrep.models.layer_taps.LayerTaps.take`.
        """
        height, width = images.shape[-2:]
        with self._taps.attached():
            run()
            features = self._taps.take(
                len(images), lambda tokens: tokens_to_map(tokens, height, width, self.patch)
            )
        return tuple(
            feature.permute(0, 3, 1, 2) if last and feature.ndim == 4 else feature
            for feature, last in zip(features, self.channels_last)
        )


def tokens_to_map(tokens: Tensor, height: int, width: int, patch: int | None) -> Tensor:
    """Drop class and register tokens, which come first, and lay the others out as a map.

    Args:
        tokens: ``(B, N, C)``.
        height: Of the image in pixels.
        width: Likewise.
        patch: Side of a patch in pixels.

    Returns:
        ``(B, C, h, w)``.

    Raises:
        ValueError: The number of tokens does not belong to such an image.
    """
    batch, count, channels = tokens.shape
    if patch is None:
        raise ValueError(
            f'{count} tokens of {channels} channels: give `patch`, the side of the patches in '
            'pixels, to lay them out as a map'
        )
    for merge in _MERGES:
        rows, columns = height // (patch * merge), width // (patch * merge)
        prefix = count - rows * columns
        if rows * columns and (prefix == 0 or (merge == 1 and 0 < prefix <= _MOST_PREFIX)):
            kept = tokens[:, prefix:]
            return kept.transpose(1, 2).reshape(batch, channels, rows, columns)
    raise ValueError(
        f'{count} tokens do not belong to an image of {height} x {width} px in patches of '
        f'{patch} x {patch}'
    )
