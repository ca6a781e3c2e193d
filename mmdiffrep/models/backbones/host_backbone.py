# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A backbone of a host where a ``DPMBackbone`` could be: the rivals of diffusion features."""

import difflib
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdiffrep.registry import MODELS

PROBE_SIZE = 64  # px; big enough for a stride of 32, small enough for any CPU


@MODELS.register_module()
class HostBackbone(BaseModule):
    """Reads the maps of any backbone of mmpretrain or mmseg, at an image size of its own.

    As of a :class:`~mmdiffrep.models.backbones.DPMBackbone`, channels and strides of the maps are
    known when it is built, so that neck and head need none in the config. They are found by one
    pass of an empty image.

    Args:
        backbone (dict): Config of the backbone; weights come from its ``init_cfg``, and random ones
            are drawn without it.
        layers (sequence of str, optional): Submodules to read, by dotted names; what one is given
            is read with ``@in`` behind the name, as DDPM-Seg does of SwAV. Defaults to None: what
            the backbone returns.
        size (int, optional): Side that images are resized to, bilinearly with antialiasing, as a
            vision transformer needs. Defaults to None: as they come.
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (tuple of int): Channels of every map.
        out_strides (tuple of int): Strides relative to the image that the backbone sees.

    Raises:
        ValueError: An unknown layer, one that is not run, a ``size`` below 1, or outputs that are
            no maps.
    """

    def __init__(
        self,
        backbone: dict,
        layers: Sequence[str] | None = None,
        size: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if size is not None and size < 1:
            raise ValueError(f'size must be at least 1 pixel, or None, got {size}')
        self.backbone = MODELS.build(backbone)
        self.layers = None if layers is None else tuple(layers)
        self.size = size
        self._check_layers()
        side = size or PROBE_SIZE
        with torch.no_grad():
            self.backbone.eval()
            maps = self(torch.zeros(1, 3, side, side))
            self.backbone.train()
        self.out_channels = tuple(one.shape[1] for one in maps)
        self.out_strides = tuple(round(side / one.shape[2]) for one in maps)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps.

        Args:
            images (Tensor): The host's normalized images, ``(B, 3, H, W)``.

        Returns:
            tuple: Maps ``(B, C, h, w)``.
        """
        if self.size is not None and tuple(images.shape[2:]) != (self.size, self.size):
            images = F.interpolate(
                images, size=(self.size, self.size), mode='bilinear', antialias=True
            )
        maps = self.backbone(images) if self.layers is None else self._read_layers(images)
        maps = (maps,) if isinstance(maps, Tensor) else tuple(maps)
        wrong = [one for one in maps if not isinstance(one, Tensor) or one.ndim != 4]
        if wrong:
            what = tuple(wrong[0].shape) if isinstance(wrong[0], Tensor) else type(wrong[0])
            raise ValueError(
                f'{type(self.backbone).__name__} gives {what} where a map (B, C, h, w) was '
                "expected; a vision transformer of mmpretrain gives maps with out_type='featmap'"
            )
        return maps

    def _read_layers(self, images: Tensor) -> tuple[Tensor, ...]:
        found: dict[str, Any] = {}
        with ExitStack() as hooks:
            for layer in self.layers:
                hooks.enter_context(_watch(self._submodule(layer), layer, found))
            self.backbone(images)
        missing = [layer for layer in self.layers if layer not in found]
        if missing:
            raise ValueError(
                f'the layers {missing} of {type(self.backbone).__name__} are not run in a pass'
            )
        return tuple(found[layer] for layer in self.layers)

    def _submodule(self, layer: str) -> nn.Module:
        return self.backbone.get_submodule(layer.removesuffix('@in'))

    def _check_layers(self) -> None:
        names = [name for name, _ in self.backbone.named_modules() if name]
        for layer in self.layers or ():
            if layer.removesuffix('@in') not in names:
                near = difflib.get_close_matches(layer, names, n=5)
                raise ValueError(
                    f'{type(self.backbone).__name__} has no layer {layer!r}; near it are '
                    f'{near or names[:10]}'
                )


def _watch(module: nn.Module, layer: str, found: dict[str, Any]) -> Any:
    """Keep what a module gives, or is given, in ``found``; return the hook's handle."""
    if layer.endswith('@in'):
        return module.register_forward_pre_hook(
            lambda _, inputs: found.__setitem__(layer, inputs[0])
        )
    return module.register_forward_hook(lambda _, inputs, output: found.__setitem__(layer, output))
