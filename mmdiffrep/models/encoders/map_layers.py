# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Find the layers of any network that give maps, by one pass on an empty image."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mmdiffrep.models.encoders.map_reader import tokens_to_map

_STRIDES = (4, 64)  # finer maps are shallow and costly


class MapLayer(NamedTuple):
    """A layer whose output is a map.

    Attributes:
        name (str): For :class:`~mmdiffrep.models.layer_taps.LayerTaps`.
        channels (int): Of the map.
        stride (int): Pixels of the image per cell of the map.
        channels_last (bool): Whether it comes as ``(B, h, w, C)``.
    """

    name: str
    channels: int
    stride: int
    channels_last: bool = False


class _Output(NamedTuple):
    name: str
    value: Tensor
    version: int


@torch.no_grad()
def find_map_layers(
    network: nn.Module,
    run: Callable[[nn.Module, Tensor], Any],
    size: int,
    patch: int | None = None,
) -> list[MapLayer]:
    """Return all layers that give maps and run once, in the order in which they end.

    Layers whose output is changed in place later on are left out: it cannot be read.

    Args:
        network: The network; it is run in eval mode and left as it was.
        run: Runs it on images.
        size: Side of the image in pixels.
        patch: See :func:`~mmdiffrep.models.encoders.map_reader.tokens_to_map`.
    """
    outputs: list[_Output] = []
    handles = [
        module.register_forward_hook(_recorder(name, outputs))
        for name, module in network.named_modules()
        if name
    ]
    training = {module: module.training for module in network.modules()}
    parameter = next(network.parameters())
    image = torch.zeros(1, 3, size, size, device=parameter.device, dtype=parameter.dtype)
    try:
        network.eval()  # of the hosts' networks it returns None
        run(network, image)
    finally:
        for handle in handles:
            handle.remove()
        for module, was in training.items():
            module.training = was
    runs = [output.name for output in outputs]
    found = []
    for output in outputs:
        layer = _as_map_layer(output, size, patch)
        once = runs.count(output.name) == 1 and output.value._version == output.version
        if layer is not None and once:
            found.append(layer)
    return found


def stages(layers: Sequence[MapLayer]) -> list[MapLayer]:
    """Return the last layer of every stride from 4 to 64, finest first.

    The inner layers of blocks are passed over: the first of them still have the stride of the
    stage before.
    """
    low, high = _STRIDES
    found = []
    for stride in sorted({layer.stride for layer in layers}):
        same = [layer for layer in layers if layer.stride == stride]
        depth = min(layer.name.count('.') for layer in same) + 1
        if low <= stride <= high:
            found.append([layer for layer in same if layer.name.count('.') <= depth][-1])
    return found


def last_map_layer(layers: Sequence[MapLayer], network: nn.Module) -> MapLayer:
    """Return the last layer that gives a map of more than one cell.

    Raises:
        ValueError: There is none.
    """
    if not layers:
        raise ValueError(
            f'no layer of {type(network).__name__} gives a map (B, C, h, w) or tokens (B, N, C): '
            'name the layer to read'
        )
    return layers[-1]


def _recorder(name: str, outputs: list[_Output]) -> Callable[..., None]:
    def record(module: nn.Module, args: Any, output: Any) -> None:
        values = output if isinstance(output, (tuple, list)) else (output,)
        if values and isinstance(values[0], Tensor):
            one = isinstance(output, Tensor)
            outputs.append(_Output(name if one else f'{name}[0]', values[0], values[0]._version))

    return record


def _as_map_layer(output: _Output, size: int, patch: int | None) -> MapLayer | None:
    value, channels_last = output.value, False
    if value.ndim == 3 and patch is not None:
        try:
            value = tokens_to_map(value, size, size, patch)
        except ValueError:
            return None
    if value.ndim != 4 or len(value) != 1:
        return None
    if value.shape[2] != value.shape[3] and value.shape[1] == value.shape[2]:
        value, channels_last = value.permute(0, 3, 1, 2), True
    side = value.shape[2]
    if side != value.shape[3] or not 1 < side <= size:
        return None
    return MapLayer(output.name, value.shape[1], round(size / side), channels_last)
