# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A network of timm or torchvision as the backbone of any host."""

from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor

from mmdiffrep.models.encoders import (
    MapReader,
    find_map_layers,
    last_map_layer,
    load_encoder,
    stages,
)
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class LibraryBackbone(BaseModule):
    """Reads maps of a network of timm, torchvision or transformers.

    Its weights keep the library's names in files: what ``mmdiffrep pretrain`` writes, and what
    the library itself saves, is loaded by
    ``init_cfg=dict(type='Pretrained', checkpoint='student.pth')``.

    Args:
        name (str): ``'timm:resnet18'``, ``'torchvision:convnext_tiny'``, see
            :func:`~mmdiffrep.models.encoders.load_encoder`.
        layers (sequence of str, optional): Layers to read, see :mod:`mmdiffrep.models.layer_taps`.
            Defaults to None: the last layer of every stride from 4 to 64; of a vision transformer,
            the last layer that gives tokens.
        init (str): ``'pretrained'`` for the library's weights. Defaults to ``'random'``.
        options (dict, optional): Further arguments for the library. Defaults to None.
        init_cfg (dict, optional): mmengine's initialization config. Defaults to None.

    Attributes:
        layers (tuple of str): What is read.
        out_channels (tuple of int): Channels of every map.
        out_strides (tuple of int): Strides relative to the image.
        patch (int or None): Sides of the images must be a multiple of it.

    Raises:
        ImportError: The library is not installed.
        ValueError: Unknown network or layer.
    """

    def __init__(
        self,
        name: str,
        layers: Sequence[str] | None = None,
        init: str = 'random',
        options: dict[str, Any] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        encoder = load_encoder(name, init, options=options)
        self.network = encoder.network
        self._run, self.patch = encoder.run, encoder.patch
        found = find_map_layers(self.network, encoder.run, encoder.size, encoder.patch)
        if layers is None:
            read = stages(found) if encoder.patch is None else []
            read = read or [last_map_layer(found, self.network)]
        else:
            known = {layer.name: layer for layer in found}
            missing = [layer for layer in layers if layer not in known]
            if missing:
                raise ValueError(
                    f'{name} has no layers {missing} that give maps; it has {sorted(known)}.'
                )
            read = [known[layer] for layer in layers]
        self.layers = tuple(layer.name for layer in read)
        self.out_channels = tuple(layer.channels for layer in read)
        self.out_strides = tuple(layer.stride for layer in read)
        self._reader = MapReader(
            self.network,
            self.layers,
            encoder.patch,
            [layer.channels_last for layer in read],
            role='backbone',
        )
        self.register_load_state_dict_pre_hook(_take_library_names)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps ``(B, C, h, w)`` of normalized images ``(B, 3, H, W)``."""
        return self._reader(lambda: self._run(self.network, images), images)


def _take_library_names(
    module: LibraryBackbone, state: dict[str, Tensor], prefix: str, *_: Any
) -> None:
    """Accept weights under the library's own names."""
    own = f'{prefix}network.'
    if any(name.startswith(own) for name in state):
        return
    for name in [name for name in state if name.startswith(prefix)]:
        state[own + name.removeprefix(prefix)] = state.pop(name)
